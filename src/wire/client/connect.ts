import { createConnection, type Socket } from 'node:net';
import { fileSystem } from './builtins.ts';
import { clientErrors } from './errors.ts';
import { formatHost } from './host.ts';
import type { DaemonHost, TlsFiles } from './types.ts';

const open = async (host: DaemonHost): Promise<Socket> => {
  if (host.kind === 'unix') return createConnection({ path: host.path, allowHalfOpen: true });
  const address = { host: host.host, port: host.port, allowHalfOpen: true };
  return host.tls === undefined ? createConnection(address) : await openTls(address, host.tls);
};

const openTls = async (
  address: { readonly host: string; readonly port: number; readonly allowHalfOpen: boolean },
  files: TlsFiles,
): Promise<Socket> => {
  const { connect } = await import('node:tls');
  const read = (path: string | undefined): Buffer | undefined =>
    path === undefined ? undefined : fileSystem().readFileSync(path);
  return connect({
    ...address,
    servername: address.host,
    rejectUnauthorized: files.verify,
    ca: files.verify ? read(files.ca) : undefined,
    cert: read(files.cert),
    key: read(files.key),
  });
};

const explain = (error: NodeJS.ErrnoException, host: DaemonHost): Error => {
  const named = { host: formatHost(host) };
  if (error.code === 'EACCES' || error.code === 'EPERM') return clientErrors.daemonForbidden(named, error);
  return clientErrors.daemonUnreachable(named, error);
};

const connect = async (host: DaemonHost): Promise<Socket> => {
  const socket = await open(host);
  const ready = host.kind === 'tcp' && host.tls !== undefined ? 'secureConnect' : 'connect';
  await new Promise<void>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => reject(explain(error, host));
    socket.once('error', fail);
    socket.once(ready, () => {
      socket.off('error', fail);
      resolve();
    });
  });
  return socket;
};

/** Gives connections to one daemon, open and without listeners. */
export type Connector = () => Promise<Socket>;

/**
 * Connections to the daemon at `host`. Where none has answered yet, `onAbsent` may see to it that one does: it is called
 * once, and what it throws is thrown.
 *
 * @throws CLIENT_DAEMON_UNREACHABLE, CLIENT_DAEMON_FORBIDDEN
 */
export const createConnector = (host: DaemonHost, onAbsent?: () => Promise<void>): Connector => {
  let reached = false;
  let remedy: Promise<void> | undefined;
  return async () => {
    try {
      const socket = await connect(host);
      reached = true;
      return socket;
    } catch (error) {
      if (onAbsent === undefined || reached || !clientErrors.daemonUnreachable.is(error)) throw error;
      await (remedy ??= onAbsent());
      return await connect(host);
    }
  };
};
