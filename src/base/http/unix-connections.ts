import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

const connections = new WeakSet<Duplex>();

/** To be called with every connection that a unix socket accepts, before its first request. */
export const noteUnixConnection = (connection: Duplex): void => void connections.add(connection);

/**
 * Whether a request came through a unix socket. That its connection has no remote address does not say so: one that its
 * client has reset has none either.
 */
export const cameByUnixSocket = ({ socket }: IncomingMessage): boolean => connections.has(socket);
