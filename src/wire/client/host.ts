import { join } from 'node:path';
import { clientErrors } from './errors.ts';
import type { DaemonHost, TlsFiles } from './types.ts';

export const DEFAULT_HOST = 'unix:///run/lade/lade.sock';

export interface HostChoice {
  readonly address: string;
  /** Nobody named it: the default, where a daemon may be started. */
  readonly isDefault: boolean;
}

/** Which daemon to talk to: `--host`, LADE_HOST, DOCKER_HOST, else the default socket. */
export const chooseHost = (named: string | undefined, env: NodeJS.ProcessEnv): HostChoice => {
  const address = [named, env['LADE_HOST'], env['DOCKER_HOST']].find(
    (candidate) => candidate !== undefined && candidate !== '',
  );
  return { address: address ?? DEFAULT_HOST, isDefault: address === undefined };
};

const tlsFrom = (env: NodeJS.ProcessEnv): TlsFiles | undefined => {
  const verify = (env['DOCKER_TLS_VERIFY'] ?? '') !== '';
  if (!verify && (env['DOCKER_TLS'] ?? '') === '') return undefined;
  const folder = env['DOCKER_CERT_PATH'] ?? join(env['HOME'] ?? '/', '.docker');
  return { ca: join(folder, 'ca.pem'), cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem'), verify };
};

const parseTcp = (address: string, env: NodeJS.ProcessEnv): DaemonHost => {
  const rest = address.slice(address.indexOf('://') + 3).replace(/\/$/, '');
  const match = /^(?:\[([\da-fA-F:]+)\]|([^:/[\]]*))(?::(\d+))?$/.exec(rest);
  const tls = address.startsWith('https://') ? (tlsFrom(env) ?? { verify: true }) : tlsFrom(env);
  const port = match?.[3] === undefined ? (tls === undefined ? 2375 : 2376) : Number(match[3]);
  if (match === null || port > 65_535) throw clientErrors.hostInvalid({ host: address });
  return { kind: 'tcp', host: match[1] ?? (match[2] === '' ? '127.0.0.1' : (match[2] ?? '')), port, tls };
};

/**
 * A daemon's address: `unix:///path`, `tcp://host:port`, `http(s)://host:port`.
 *
 * @throws CLIENT_HOST_INVALID, CLIENT_HOST_UNSUPPORTED
 */
export const parseHost = (address: string, env: NodeJS.ProcessEnv = {}): DaemonHost => {
  if (address.startsWith('unix://')) {
    const path = address.slice('unix://'.length);
    if (!path.startsWith('/')) throw clientErrors.hostInvalid({ host: address });
    return { kind: 'unix', path };
  }
  if (/^(tcp|https?):\/\//.test(address)) return parseTcp(address, env);
  if (/^(ssh|npipe|fd):\/\//.test(address)) throw clientErrors.hostUnsupported({ host: address });
  throw clientErrors.hostInvalid({ host: address });
};

/** The address as it is written. */
export const formatHost = (host: DaemonHost): string => {
  if (host.kind === 'unix') return `unix://${host.path}`;
  return `tcp://${host.host.includes(':') ? `[${host.host}]` : host.host}:${host.port}`;
};
