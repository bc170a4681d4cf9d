import { readFileSync } from 'node:fs';
import type { HostsFileRequest } from './types.ts';

const LOCAL = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::\tip6-localnet',
  'ff00::\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];
const HOST_GATEWAY = 'host-gateway';

/** Splits `name:address`; the address may hold colons itself, and `=` is a separator too. */
const splitExtra = (extra: string): readonly [name: string, address: string] => {
  const at = extra.search(/[:=]/);
  return at < 0 ? [extra, ''] : [extra.slice(0, at), extra.slice(at + 1).replace(/^\[(.*)\]$/, '$1')];
};

const ownHosts = (): readonly string[] => {
  try {
    return readFileSync('/etc/hosts', 'utf8').trimEnd().split('\n');
  } catch {
    return LOCAL;
  }
};

/**
 * See `Networks.hostsFile`.
 *
 * @param gateway what `host-gateway` stands for when the container itself has no gateway
 */
export const hostsFile = (request: HostsFileRequest, gateway: string): string => {
  const { hostname, domainname = '', endpoints } = request;
  const ownNames = domainname === '' ? hostname : `${hostname}.${domainname} ${hostname}`;
  const way = endpoints.find((endpoint) => endpoint.gateway !== '')?.gateway ?? gateway;
  const extras = (request.extraHosts ?? []).map((extra) => {
    const [name, address] = splitExtra(extra);
    return `${address === HOST_GATEWAY ? way : address}\t${name}`;
  });
  const own = endpoints
    .filter((endpoint) => endpoint.ip !== '')
    .map((endpoint) => `${endpoint.ip}\t${ownNames}`);
  return [...(request.hostNetwork === true ? ownHosts() : LOCAL), ...extras, ...own, ''].join('\n');
};
