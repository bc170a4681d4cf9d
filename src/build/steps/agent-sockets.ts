import { chmodSync, chownSync, closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { relayAgent } from './agent-relay.ts';
import type { FileOwner } from './secret-files.ts';

/** A socket through which one step reaches an SSH agent. */
export interface AgentSocket extends AsyncDisposable {
  readonly path: string;
}

const O_PATH = 0o10000000;
const NAME = 'agent';

const listen = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path }, () => resolve());
  });

/** Listens in a new directory for one step; the agent's own socket keeps its owner and mode. */
export const openAgentSocket = async (
  directory: string,
  agentSocket: string,
  { mode, uid, gid }: FileOwner,
): Promise<AgentSocket> => {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    open.add(client);
    client.once('close', () => open.delete(client));
    void relayAgent(client, agentSocket);
  });
  mkdirSync(directory, { mode: 0o700 });
  // Addresses of sockets end at 107 bytes; a descriptor's path is short.
  const folder = openSync(directory, O_PATH | constants.O_DIRECTORY);
  try {
    await listen(server, `/proc/self/fd/${folder}/${NAME}`);
  } finally {
    closeSync(folder);
  }
  const path = join(directory, NAME);
  chownSync(path, uid, gid);
  chmodSync(path, mode);
  return {
    path,
    async [Symbol.asyncDispose]() {
      for (const client of open) client.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
