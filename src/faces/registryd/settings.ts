import { accessSettings } from '#access';
import { keepingSettings } from '#keeping';
import { quotaSettings, tagsSettings } from '#metadata';
import { webhooksSettings } from '#notifications';
import { limitsSettings } from '#protocol';
import { upstreamsSettings } from '#upstreams';
import * as z from 'zod';
import {
  accessLogSettings,
  auditSettings,
  drainSetting,
  healthSettings,
  listenSettings,
  logSettings,
  metricsSettings,
  tlsSettings,
  trustedProxySettings,
} from './settings-program.ts';

const path = () => z.string().min(1);

/** Everything that can be set, one section for each room. */
export const registrySettings = z.strictObject({
  root: path()
    .default('/var/lib/lade/registry')
    .describe('Where everything is kept; the socket for administering it, too.'),
  listen: listenSettings
    .prefault(['127.0.0.1:5000'])
    .describe('Addresses to listen on: HOST:PORT, [V6]:PORT, or :PORT for all; port 0 takes a free one.'),
  insecure: z
    .boolean()
    .default(false)
    .describe(
      'Allow listening beyond loopback without TLS or without users. Only behind a proxy that adds both.',
    ),
  drain: drainSetting,
  tls: tlsSettings.optional().describe('HTTPS on every address. The files are read again when they change.'),
  trustedProxies: trustedProxySettings,
  log: logSettings.prefault({}).describe("The program's own log: JSON lines on standard error."),
  accessLog: accessLogSettings.prefault({}).describe('One JSON line for each request.'),
  metrics: metricsSettings.prefault({}).describe('Figures for Prometheus.'),
  health: healthSettings.prefault({}).describe('When the registry says that it is ready.'),
  audit: auditSettings.prefault({}).describe('The journal of writes and refusals.'),
  limits: limitsSettings.prefault({}).describe('Bounds on what clients may send.'),
  keeping: keepingSettings.prefault({}).describe('What is kept, and what goes when.'),
  tags: tagsSettings.prefault({}).describe('What may happen to tags.'),
  quotas: quotaSettings
    .prefault([])
    .describe('Bounds on what repositories hold; several that cover a repository all hold.'),
  webhooks: webhooksSettings.describe('Endpoints that are told of pushes, pulls, mounts and deletions.'),
  upstreams: upstreamsSettings,
  access: accessSettings.prefault({}).describe('Who may do what.'),
});

export type RegistrySettings = z.output<typeof registrySettings>;
