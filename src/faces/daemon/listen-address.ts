import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isLoopbackHost, type ListenAddress } from '#http';
import { makeDirectories } from '#sys';
import { daemonErrors } from './errors.ts';

export const DEFAULT_HOST = 'unix:///run/lade/lade.sock';
const SOCKET_MODE = 0o660;

/** Number of the group that may use the socket besides root, where this machine has it. */
const groupId = (name: string): number | undefined => {
  const line = new RegExp(`^${name}:[^:]*:(\\d+):`, 'm').exec(readFileSync('/etc/group', 'utf8'));
  return line?.[1] === undefined ? undefined : Number(line[1]);
};

const unixAddress = (path: string): ListenAddress => {
  makeDirectories(dirname(path));
  return { kind: 'unix', path, mode: SOCKET_MODE, gid: groupId('lade') };
};

/**
 * What `--host` names: `unix:///path` or `tcp://ADDRESS:PORT`. A TCP address that others can reach is refused, since
 * the API lets its user be root.
 */
export const parseListenAddress = (host: string): ListenAddress => {
  if (host.startsWith('unix:///')) return unixAddress(host.slice('unix://'.length));
  const tcp = /^tcp:\/\/(\[[^\]]+\]|[^:/]+):(\d{1,5})\/?$/.exec(host);
  const [address, port] = [tcp?.[1]?.replace(/^\[|\]$/g, ''), Number(tcp?.[2])];
  if (address === undefined || port > 65_535) throw daemonErrors.hostInvalid({ host });
  if (!isLoopbackHost(address)) throw daemonErrors.hostOpen({ host });
  return { kind: 'tcp', host: address, port };
};
