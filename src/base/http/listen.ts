import { chmod, chown, lstat, unlink } from 'node:fs/promises';
import { connect, type AddressInfo, type Server } from 'node:net';
import { once } from 'node:events';
import { httpErrors } from './errors.ts';
import type { BoundAddress, ListenAddress } from './types.ts';

const MAX_SOCKET_PATH = 107;

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** Whether a process answers on the socket. */
const someoneListens = async (path: string): Promise<boolean> => {
  const socket = connect({ path });
  try {
    await once(socket, 'connect');
    return true;
  } catch (error) {
    return codeOf(error) !== 'ECONNREFUSED' && codeOf(error) !== 'ENOENT';
  } finally {
    socket.destroy();
  }
};

/** Removes a socket file that nobody serves any more; refuses when somebody does, or when it is no socket. */
const clearStaleSocket = async (path: string): Promise<void> => {
  const info = await lstat(path).catch(() => undefined);
  if (info === undefined) return;
  if (!info.isSocket()) throw httpErrors.socketPathTaken({ path });
  if (await someoneListens(path)) throw httpErrors.socketInUse({ path });
  await unlink(path);
};

const hostInUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);

const listening = async (
  server: Server,
  target: { readonly path: string } | { readonly host: string; readonly port: number },
): Promise<void> => {
  const address = 'path' in target ? target.path : `${hostInUrl(target.host)}:${target.port}`;
  try {
    const ready = once(server, 'listening');
    server.listen(target);
    await ready;
  } catch (error) {
    if (codeOf(error) === 'EADDRINUSE') throw httpErrors.addressInUse({ address }, error);
    throw httpErrors.cannotListen({ address, reason: error instanceof Error ? error.message : '' }, error);
  }
};

const listenUnix = async (
  server: Server,
  address: Extract<ListenAddress, { kind: 'unix' }>,
): Promise<BoundAddress> => {
  const { path } = address;
  const bytes = Buffer.byteLength(path);
  if (bytes > MAX_SOCKET_PATH) throw httpErrors.socketPathTooLong({ path, bytes });
  await clearStaleSocket(path);
  await listening(server, { path });
  if (address.gid !== undefined) await chown(path, -1, address.gid);
  if (address.mode !== undefined) await chmod(path, address.mode);
  return { kind: 'unix', path, url: `unix://${path}` };
};

/**
 * Listens on one address.
 *
 * @throws HTTP_ADDRESS_IN_USE, HTTP_SOCKET_IN_USE, HTTP_SOCKET_PATH_TAKEN, HTTP_SOCKET_PATH_TOO_LONG,
 * HTTP_CANNOT_LISTEN
 */
export const listenOn = async (server: Server, address: ListenAddress): Promise<BoundAddress> => {
  if (address.kind === 'unix') return listenUnix(server, address);
  await listening(server, { host: address.host, port: address.port });
  const { port } = server.address() as AddressInfo;
  const scheme = address.tls === undefined ? 'http' : 'https';
  return { kind: 'tcp', host: address.host, port, url: `${scheme}://${hostInUrl(address.host)}:${port}` };
};
