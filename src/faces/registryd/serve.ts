import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startHttpServer } from '#http';
import { createHtpasswd } from '#access';
import { createRegistry, openRegistryStorage, type Registry } from '#registry';
import { createLog, observerOf } from './log.ts';
import { refuseOpenDoors } from './open-doors.ts';
import type { RegistrySettings } from './settings.ts';

const COLLECT_INTERVAL_MS = 10 * 60 * 1000;

export interface Registryd extends AsyncDisposable {
  /** Base URL. */
  readonly url: string;
}

const collectRegularly = (registry: Registry, onError: (error: unknown) => void): Disposable => {
  const timer = setInterval(() => void registry.collect().catch(onError), COLLECT_INTERVAL_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
};

/** Puts storage, users, registry and server together. What is disposed ends requests in flight within seconds. */
export const startRegistryd = async (settings: RegistrySettings): Promise<Registryd> => {
  const log = createLog(settings.log.level);
  const stack = new AsyncDisposableStack();
  try {
    refuseOpenDoors(settings, log);
    const tls =
      settings.tls === undefined
        ? undefined
        : { cert: await readFile(settings.tls.certificate), key: await readFile(settings.tls.key) };
    const storage = stack.use(await openRegistryStorage(settings.root));
    const access =
      settings.access.htpasswd === undefined
        ? undefined
        : stack.use(await createHtpasswd({ path: settings.access.htpasswd }));
    const registry = createRegistry({ storage, access, observer: observerOf(log) });
    stack.use(collectRegularly(registry, (error) => log.error({ err: error }, 'collection failed')));
    const server = stack.use(
      await startHttpServer({
        ...registry,
        listen: [
          ...settings.listen.map(({ host, port }) => ({ kind: 'tcp', host, port, tls }) as const),
          { kind: 'unix', path: join(settings.root, 'registry.sock'), mode: 0o600 },
        ],
      }),
    );
    return { url: server.addresses[0]?.url ?? '', [Symbol.asyncDispose]: () => stack.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
};
