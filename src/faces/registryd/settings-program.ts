import { byteSize, duration, listenAddress, secret } from '#settings';
import * as z from 'zod';
import { isNetwork } from './trusted-proxies.ts';

/** Levels of the log. */
export const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const path = () => z.string().min(1);

/** `listen`: one address or several. */
export const listenSettings = z
  .union([listenAddress(), z.array(listenAddress()).min(1)])
  .transform((value) => (Array.isArray(value) ? value : [value]));

export const tlsSettings = z.strictObject({
  certificate: path().describe('Certificate chain in PEM.').meta({ example: '/etc/lade/tls/tls.crt' }),
  key: path().describe('Its private key in PEM.').meta({ example: '/etc/lade/tls/tls.key' }),
  minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2').describe('Oldest version of TLS.'),
  clientCa: path()
    .optional()
    .describe('Authorities, in PEM, whose client certificates are an identity.')
    .meta({ example: '/etc/lade/tls/clients.crt' }),
  clientCertificates: z
    .enum(['required', 'optional'])
    .default('optional')
    .describe('With clientCa: whether clients without a certificate are refused.'),
});

export const logSettings = z.strictObject({
  level: z
    .enum(LEVELS)
    .default('info')
    .describe(`What is logged: ${LEVELS.join(', ')}.`),
});

export const accessLogSettings = z.strictObject({
  to: path()
    .optional()
    .describe('Where to: stdout, stderr, off, or a file. When absent, stderr if log.level is info or lower.')
    .meta({ example: 'stderr' }),
});

const network = z.string().refine(isNetwork, 'write an address or a network such as 10.0.0.0/8');

export const trustedProxySettings = z
  .array(network)
  .default([])
  .describe('Proxies that X-Forwarded-For and X-Forwarded-Proto are believed from: addresses or networks.')
  .meta({ example: ['10.0.0.0/8'] });

export const metricsSettings = z.strictObject({
  enabled: z.boolean().default(true).describe('Serve /metrics.'),
  listen: listenAddress()
    .optional()
    .describe(
      'An own address for /metrics, /healthz and /readyz; /metrics is only there then, for everybody.',
    )
    .meta({ example: '127.0.0.1:9100' }),
  token: secret()
    .optional()
    .describe('Who shows it (Authorization: Bearer …) may read /metrics. Without it only loopback may.')
    .meta({ example: { file: '/etc/lade/metrics-token' } }),
});

export const healthSettings = z.strictObject({
  diskFloor: byteSize()
    .prefault('256MiB')
    .describe('/readyz fails when the disk has less free bytes than this.'),
});

export const auditSettings = z.strictObject({
  keepFor: duration()
    .prefault('365d')
    .describe('How long entries of the journal are kept; 0 keeps them for ever.'),
});

export const drainSetting = duration()
  .prefault('30s')
  .describe(
    'How long requests in flight may take to end after SIGTERM; a second signal ends the program at once.',
  );
