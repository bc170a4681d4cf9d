import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isLoopbackHost, startHttpServer } from '#http';
import { createHtpasswd } from '#access';
import { createRegistry, openRegistryStorage, type Registry } from '#registry';
import { createLog, observerOf } from './log.ts';
import { listenAddress, type RegistrydOptions } from './options.ts';

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
export const startRegistryd = async (options: RegistrydOptions): Promise<Registryd> => {
  const log = createLog(options.logLevel);
  const stack = new AsyncDisposableStack();
  try {
    const tls =
      options.tls === undefined
        ? undefined
        : { cert: await readFile(options.tls.cert), key: await readFile(options.tls.key) };
    const storage = stack.use(await openRegistryStorage(options.root));
    const access =
      options.htpasswd === undefined
        ? undefined
        : stack.use(await createHtpasswd({ path: options.htpasswd }));
    const registry = createRegistry({ storage, access, observer: observerOf(log) });
    stack.use(collectRegularly(registry, (error) => log.error({ err: error }, 'collection failed')));
    const server = stack.use(
      await startHttpServer({
        ...registry,
        listen: [
          listenAddress(options, tls),
          { kind: 'unix', path: join(options.root, 'registry.sock'), mode: 0o600 },
        ],
      }),
    );
    if (access === undefined && !isLoopbackHost(options.host)) {
      log.warn(
        { host: options.host },
        'everybody who reaches this address may push and delete; see --htpasswd',
      );
    }
    return { url: server.addresses[0]?.url ?? '', [Symbol.asyncDispose]: () => stack.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
};
