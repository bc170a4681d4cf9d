import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { workerUrl } from '#work';
import { coalesce } from './coalesce.ts';
import { networkErrors } from './errors.ts';
import { onMessage } from './message-lines.ts';
import {
  RESOLVER_PROTOCOL,
  SOCKET_NAME,
  type ResolverMessage,
  type ResolverState,
} from './resolver-protocol.ts';

const RETRY_MS = 5;
const PATIENCE_MS = 10_000;
/** The process holds a few names and sockets; without these limits Node reserves much more. */
const NODE_FLAGS = [
  '--max-semi-space-size=1',
  '--max-old-space-size=64',
  '--disable-warning=ExperimentalWarning',
];

export interface ResolverOptions {
  /** Where its socket and log lie. */
  readonly directory: string;
  readonly state: () => ResolverState;
  readonly onNotice: (message: string) => void;
}

/** Keeps the process that answers names at the present state; it exists while a container needs it. */
export interface Resolver {
  /** Resolves when every container that needs it is answered. */
  update(): Promise<void>;
  /** Leaves the process alone, which goes on without a daemon. */
  close(): Promise<void>;
}

interface Connection {
  readonly socket: Socket;
  readonly protocol: number;
  send(state: ResolverState): Promise<readonly string[]>;
}

/** A unix socket's path has at most 107 bytes; one through an open directory always fits. */
const connectIn = async (directory: string): Promise<Socket> => {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  const socket = connect(`/proc/self/fd/${fd}/${SOCKET_NAME}`);
  try {
    await once(socket, 'connect');
    return socket;
  } finally {
    closeSync(fd);
  }
};

/** Sends a state and waits for its answer on one connection. */
const greet = async (socket: Socket): Promise<Connection> => {
  const waiting = new Map<number, (failures: readonly string[] | undefined) => void>();
  const greeted = Promise.withResolvers<number>();
  onMessage<ResolverMessage>(socket, (message) => {
    if (message.kind === 'hello') return greeted.resolve(message.protocol);
    waiting.get(message.sequence)?.(message.failures);
    waiting.delete(message.sequence);
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    greeted.reject(networkErrors.resolverFailed({ reason: 'it closed the connection' }));
    for (const settle of waiting.values()) settle(undefined);
  });
  let sequence = 0;
  const send = async (state: ResolverState): Promise<readonly string[]> => {
    sequence += 1;
    const number = sequence;
    socket.ref();
    const failures = await new Promise<readonly string[] | undefined>((resolve) => {
      const late = setTimeout(() => socket.destroy(), PATIENCE_MS);
      waiting.set(number, (answer) => {
        clearTimeout(late);
        resolve(answer);
      });
      if (socket.destroyed) waiting.get(number)?.(undefined);
      else socket.write(`${JSON.stringify({ sequence: number, state })}\n`);
    });
    socket.unref();
    if (failures === undefined) throw networkErrors.resolverFailed({ reason: 'it did not answer' });
    return failures;
  };
  return { socket, protocol: await greeted.promise, send };
};

/** Starts the process so that it outlives this one. */
const startProcess = (directory: string): void => {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const log = openSync(join(directory, 'resolver.log'), 'a', 0o600);
  const program = fileURLToPath(workerUrl(import.meta.url, 'resolver.main'));
  const child = spawn(process.execPath, [...NODE_FLAGS, program, directory], {
    cwd: '/',
    detached: true,
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', log, log],
  });
  child.on('error', () => undefined);
  child.unref();
  closeSync(log);
};

const tryConnect = async (directory: string): Promise<Connection | undefined> => {
  try {
    return await greet(await connectIn(directory));
  } catch {
    return undefined;
  }
};

const open = async (directory: string): Promise<Connection> => {
  const present = await tryConnect(directory);
  if (present?.protocol === RESOLVER_PROTOCOL) return present;
  // An older daemon's process gives way to one that understands us.
  await present?.send({ resolvConfPath: '', sandboxes: [], zones: [] }).catch(() => undefined);
  present?.socket.destroy();
  startProcess(directory);
  const deadline = performance.now() + PATIENCE_MS;
  while (performance.now() < deadline) {
    const connection = await tryConnect(directory);
    if (connection !== undefined) return connection;
    await delay(RETRY_MS);
  }
  throw networkErrors.resolverFailed({ reason: 'it did not start' });
};

interface ClientState {
  connection: Connection | undefined;
  /** What the process was last told, as text. */
  told: string;
  closed: boolean;
}

const isConnected = (client: ClientState): boolean => client.connection?.socket.destroyed === false;

/** Tells the process the present state, starting it when it is needed and not there. */
const tell = async (options: ResolverOptions, client: ClientState, onLost: () => void): Promise<void> => {
  const state = options.state();
  const text = JSON.stringify(state);
  const isNeeded = state.sandboxes.length > 0;
  if (text === client.told && (!isNeeded || isConnected(client))) return;
  if (!isConnected(client)) {
    client.connection = isNeeded ? await open(options.directory) : await tryConnect(options.directory);
    client.connection?.socket.once('close', onLost);
  }
  const failures = (await client.connection?.send(state)) ?? [];
  for (const failure of failures) options.onNotice(`names of a container are not answered: ${failure}`);
  client.told = text;
  if (!isNeeded) client.connection?.socket.destroy();
};

export const createResolver = (options: ResolverOptions): Resolver => {
  const client: ClientState = { connection: undefined, told: '', closed: false };
  /** A process that dies while it is needed is replaced; one that is not needed has nothing to be told. */
  const onLost = (): void => {
    if (!client.closed)
      update().catch((error: unknown) => options.onNotice(`names are not answered: ${String(error)}`));
  };
  const update = coalesce(async () => {
    if (client.closed) return;
    try {
      await tell(options, client, onLost);
    } catch (error) {
      if (isConnected(client)) throw error;
      await tell(options, client, onLost);
    }
  });
  return {
    update,
    async close() {
      await update().catch(() => undefined);
      client.closed = true;
      client.connection?.socket.destroy();
    },
  };
};
