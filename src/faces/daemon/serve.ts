import { existsSync } from 'node:fs';
import { pino, destination, type Logger } from 'pino';
import { openRegistryHosts, type RegistryHosts } from '#distribution';
import { onSpan } from '#events';
import { startHttpServer } from '#http';
import { createDaemonApp } from './app.ts';
import type { DaemonOptions } from './command-line.ts';
import { composeDaemon } from './compose.ts';
import { daemonErrors } from './errors.ts';
import { parseListenAddress } from './listen-address.ts';

/** How long open requests may go on after the signal to stop. */
const GRACE_MS = 3000;

const stopSignal = (): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, resolve);
  });

/** A promise that nobody awaited must not take the daemon, and with it every attached client, down. */
const surviveStrayRejections = (log: Logger): void => {
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'a failure that nobody handled'));
};

const logSpans = (log: Logger): Disposable | undefined =>
  log.isLevelEnabled('debug')
    ? onSpan(({ name, subject, from, to }) => log.debug({ span: name, subject, from, to }))
    : undefined;

const reloadHosts = async (hosts: RegistryHosts, log: Logger): Promise<void> => {
  try {
    await hosts.reload();
    log.info('read the configuration of registries again');
  } catch (error) {
    log.error({ err: error }, 'the configuration of registries stays as it was');
  }
};

/** Runs the daemon until SIGTERM or SIGINT; containers go on running after it. */
export const serveDaemon = async (options: DaemonOptions): Promise<void> => {
  const log = pino({ level: options.logLevel, base: null }, destination({ dest: 2, sync: true }));
  if (options.hostCa !== undefined && !existsSync(options.hostCa))
    throw daemonErrors.hostCaUnreadable({ path: options.hostCa });
  surviveStrayRejections(log);
  using _spans = logSpans(log);
  const listen = options.hosts.map(parseListenAddress);
  const stopped = stopSignal();
  const registryHosts = await openRegistryHosts(options.registries);
  process.on('SIGHUP', () => void reloadHosts(registryHosts, log));
  const bound: string[] = [];
  await using parts = await composeDaemon({
    root: options.root,
    hostCa: options.hostCa,
    registryHosts,
    log,
    addresses: () => bound,
  });
  await using server = await startHttpServer({ app: createDaemonApp(parts), listen });
  bound.push(...server.addresses.map((address) => address.url));
  process.stdout.write(`lade daemon listening on ${bound.join(' ')}\n`);
  log.info({ root: options.root, addresses: bound, layers: parts.layers.backend }, 'ready');
  log.info({ signal: await stopped }, 'stopping');
  await server.close(GRACE_MS);
};
