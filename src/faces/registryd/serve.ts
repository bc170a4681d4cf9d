import { hostname } from 'node:os';
import { join } from 'node:path';
import { startHttpServer, type HttpServer } from '#http';
import { keepingOptions } from '#keeping';
import { protocolLimits } from '#protocol';
import type { PolicyRules } from '#metadata';
import { createRegistry, openRegistryStorage, type Registry } from '#registry';
import type { Logger } from 'pino';
import { checkRegularly, collectRegularly, trimJournalRegularly } from './chores.ts';
import { accessControl, accessReloader } from './access-control.ts';
import { createLog, observerOf } from './log.ts';
import { createMonitoring, type Monitoring } from './monitoring.ts';
import { refuseOpenDoors } from './open-doors.ts';
import { reloadAll, type Reloader } from './reload.ts';
import type { RegistrySettings } from './settings.ts';
import { readTls, watchTls } from './tls.ts';
import { collectionFamilies } from './storage-metrics.ts';
import { upstreamFamilies } from './upstream-metrics.ts';
import { webhookFamilies } from './webhook-metrics.ts';

const policyRules = ({ tags, quotas }: RegistrySettings): PolicyRules => ({ ...tags, quotas });

export interface Registryd extends AsyncDisposable {
  /** Base URL. */
  readonly url: string;
  /** Takes over what can change while serving, and logs what cannot. */
  reload(settings: RegistrySettings): Promise<void>;
  readonly log: Logger;
}

const catalogFailed = (log: Logger) => (error: unknown) =>
  log.error({ err: error }, 'images cannot be read for listings');

interface Serving {
  readonly settings: RegistrySettings;
  readonly registry: Registry;
  readonly monitoring: Monitoring;
}

const listenFor = async ({ settings, registry, monitoring }: Serving): Promise<HttpServer> => {
  const tls = settings.tls === undefined ? undefined : (await readTls(settings.tls)).tls;
  return startHttpServer({
    ...registry,
    headersMs: settings.limits.headers,
    first: (request, response) => {
      monitoring.begin(request, response);
      return monitoring.front(request, response) || registry.first(request, response);
    },
    listen: [
      ...settings.listen.map(({ host, port }) => ({ kind: 'tcp', host, port, tls }) as const),
      { kind: 'unix', path: join(settings.root, 'registry.sock'), mode: 0o600 },
    ],
  });
};

const notificationOptions = ({ webhooks, listen }: RegistrySettings, log: Logger) => ({
  webhooks,
  address: `${hostname()}:${listen[0]?.port ?? 0}`,
  failed: (error: unknown) => log.error({ err: error }, 'webhooks cannot write down how far they are'),
});

const nothing = { fetch: () => new Response('not found\n', { status: 404 }) };

/** The address for monitors alone. */
const listenForMonitors = (
  settings: RegistrySettings,
  monitoring: Monitoring,
): Promise<HttpServer> | undefined =>
  settings.metrics.listen === undefined
    ? undefined
    : startHttpServer({
        app: nothing,
        first: monitoring.sideFront,
        listen: [{ kind: 'tcp', ...settings.metrics.listen }],
      });

/**
 * Puts storage, users, registry and server together. What is disposed stops accepting, lets requests in flight end within
 * `drain`, and cuts what is left.
 */
export const startRegistryd = async (settings: RegistrySettings): Promise<Registryd> => {
  const log = createLog(settings.log.level);
  const stack = new AsyncDisposableStack();
  const reloaders: Reloader[] = [];
  try {
    refuseOpenDoors(settings, log);
    const storage = stack.use(await openRegistryStorage(settings.root, { onError: catalogFailed(log) }));
    await storage.metadata.policies.configure(policyRules(settings));
    const access = await accessControl(settings, storage.metadata);
    if (access !== undefined) stack.use(access);
    const monitoring = stack.use(createMonitoring(settings, storage, log));
    const registry = stack.use(
      createRegistry({
        storage,
        access,
        observer: observerOf(log),
        limits: protocolLimits(settings.limits),
        keeping: keepingOptions(settings.keeping),
        upstreams: settings.upstreams,
        notifications: notificationOptions(settings, log),
      }),
    );
    monitoring.add(() => webhookFamilies(registry.notifications.status()));
    monitoring.add(() => upstreamFamilies(registry.upstreams?.activity() ?? []));
    monitoring.add(() => collectionFamilies(registry.keeping));
    const collecting = stack.use(collectRegularly(registry, settings.keeping, log));
    const checking = stack.use(checkRegularly(registry, settings.keeping, log));
    const trimming = stack.use(trimJournalRegularly(storage.metadata.journal, settings.audit, log));
    const server = await listenFor({ settings, registry, monitoring });
    stack.defer(() => server.close(settings.drain));
    stack.defer(() => registry.notifications.endStreams());
    const side = await listenForMonitors(settings, monitoring);
    if (side !== undefined) stack.defer(() => side.close(0));
    const tls = settings.tls === undefined ? undefined : stack.use(await watchTls(settings.tls, server, log));
    reloaders.push(
      (next) => void (log.level = next.log.level),
      (next) => monitoring.reload(next),
      accessReloader(access, log),
      (next) => trimming.reload(next.audit),
      (next) => collecting.reload(next.keeping),
      (next) => checking.reload(next.keeping),
      (next) => registry.notifications.reload(next.webhooks),
      (next) => storage.metadata.policies.configure(policyRules(next)),
      () => tls?.reload(),
    );
    return {
      url: server.addresses[0]?.url ?? '',
      log,
      reload: (next) => reloadAll(reloaders, { before: settings, after: next, log }),
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
};
