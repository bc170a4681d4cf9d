import { closeSync, constants, existsSync, openSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { isNetns } from '#sys';
import { encodeResponse, parseQuery, RCODE } from './dns-message.ts';
import { answerLocally } from './dns-zone.ts';
import { onMessage } from './message-lines.ts';
import {
  RESOLVER_PROTOCOL,
  SOCKET_NAME,
  type ResolverMessage,
  type ResolverState,
  type Sandbox,
  type StateMessage,
} from './resolver-protocol.ts';
import { serveSandbox, type Responder } from './resolver-sandbox.ts';
import { askServers, createServerList } from './resolver-upstream.ts';

/** How often a process without a daemon looks whether anybody still needs it. */
const LOOK_MS = 15_000;

interface Served {
  readonly netnsPath: string;
  readonly server: Disposable;
}

interface Process {
  state: ResolverState;
  readonly served: Map<string, Served>;
  readonly hostServers: () => readonly string[];
  daemons: number;
  /** States are applied one after the other. */
  applying: Promise<void>;
}

const responder =
  (self: Process, id: string): Responder =>
  async (message, transport) => {
    const query = parseQuery(message);
    const sandbox = self.state.sandboxes.find((candidate) => candidate.id === id);
    if (query === undefined || sandbox === undefined) return undefined;
    const local = answerLocally(self.state, sandbox.networks, query);
    if (local !== undefined) return encodeResponse(query, local.rcode, local.answers);
    if (!sandbox.forward) return encodeResponse(query, RCODE.NAME_ERROR);
    const servers = sandbox.servers.length > 0 ? sandbox.servers : self.hostServers();
    const response = await askServers(servers, { query, message, transport });
    return response ?? encodeResponse(query, RCODE.SERVER_FAILURE);
  };

const stopServing = (self: Process, id: string): void => {
  self.served.get(id)?.server[Symbol.dispose]();
  self.served.delete(id);
};

const serve = async (self: Process, sandbox: Sandbox): Promise<string | undefined> => {
  const { id, netnsPath } = sandbox;
  if (self.served.has(id)) return undefined;
  try {
    self.served.set(id, { netnsPath, server: await serveSandbox(netnsPath, responder(self, id)) });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

const apply = async (self: Process, state: ResolverState): Promise<readonly string[]> => {
  self.state = state;
  const wanted = new Set(state.sandboxes.map((sandbox) => `${sandbox.id} ${sandbox.netnsPath}`));
  for (const [id, { netnsPath }] of self.served) if (!wanted.has(`${id} ${netnsPath}`)) stopServing(self, id);
  const failures = await Promise.all(state.sandboxes.map((sandbox) => serve(self, sandbox)));
  return failures.filter((failure) => failure !== undefined);
};

const talk = (self: Process, socket: Socket, onEmpty: () => void): void => {
  const send = (message: ResolverMessage): void => void socket.write(`${JSON.stringify(message)}\n`);
  self.daemons += 1;
  socket.on('error', () => socket.destroy());
  socket.on('close', () => void (self.daemons -= 1));
  onMessage<StateMessage>(socket, ({ sequence, state }) => {
    self.applying = self.applying.then(async () => {
      const failures = await apply(self, state);
      if (state.sandboxes.length === 0) onEmpty();
      send({ kind: 'applied', sequence, failures });
    });
  });
  send({ kind: 'hello', protocol: RESOLVER_PROTOCOL });
};

/** Lets go of containers whose namespace was removed while no daemon was there to say so. */
const look = (self: Process, socketPath: string): boolean => {
  if (self.daemons > 0) return true;
  for (const [id, { netnsPath }] of self.served) if (!isNetns(netnsPath)) stopServing(self, id);
  return self.served.size > 0 && existsSync(socketPath);
};

/**
 * The process that answers names for the containers of one root. It listens for its daemon in `directory`, goes on
 * while the daemon is away, and ends when no container needs it.
 */
export const runResolver = (directory: string): void => {
  const path = join(directory, SOCKET_NAME);
  const self: Process = {
    state: { resolvConfPath: '', sandboxes: [], zones: [] },
    served: new Map(),
    hostServers: createServerList(() => self.state.resolvConfPath),
    daemons: 0,
    applying: Promise.resolve(),
  };
  rmSync(path, { force: true });
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  const end = (): void => {
    clearInterval(timer);
    server.close();
    rmSync(path, { force: true });
  };
  const server = createServer((socket) => talk(self, socket, end));
  server.listen(`/proc/self/fd/${fd}/${SOCKET_NAME}`, () => closeSync(fd));
  const timer = setInterval(() => {
    if (!look(self, path)) end();
  }, LOOK_MS);
};
