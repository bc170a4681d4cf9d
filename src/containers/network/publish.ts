import { isIP } from 'node:net';
import { networkErrors } from './errors.ts';
import { holdUdp, listenTcp, type PortListener, type Target } from './port-listener.ts';
import type { PortBinding, PortRequest } from './types.ts';

const ANY_V4 = '0.0.0.0';
const ANY_V6 = '::';
/** How often a port that is free on IPv4 alone is given up for another. */
const TRIES = 16;

/** One published request: its bindings and what holds its ports. */
export interface Publication {
  readonly bindings: readonly PortBinding[];
  close(): void;
}

export interface PublishOptions {
  /** Name of the container, for errors. */
  readonly container: string;
  /** Where the request's port is inside; asked for each connection. */
  readonly target: (containerPort: number) => Target;
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

const isMissingFamily = (error: unknown): boolean =>
  ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(codeOf(error));

const bare = (hostIp: string): string => hostIp.replace(/^\[(.*)\]$/, '$1');

/** The addresses a request means; the first decides on the port. */
const hostsOf = (request: PortRequest): readonly string[] => {
  const host = bare(request.hostIp ?? '');
  if (host !== '' && host !== ANY_V4) return [host];
  return request.protocol === 'tcp' ? [ANY_V4, ANY_V6] : [ANY_V4];
};

/** Requests that give exactly these bindings again. */
export const exactRequests = (bindings: readonly PortBinding[]): readonly PortRequest[] => {
  const isPair = (binding: PortBinding): boolean =>
    binding.hostIp === ANY_V6 &&
    bindings.some(
      (other) =>
        other.hostIp === ANY_V4 && other.hostPort === binding.hostPort && other.protocol === binding.protocol,
    );
  return bindings.filter((binding) => !isPair(binding));
};

const refusal = (
  request: PortRequest,
  host: string,
  options: PublishOptions,
): ((error: unknown) => Error) => {
  const last = request.hostPortEnd ?? request.hostPort ?? 0;
  const port = last > (request.hostPort ?? 0) ? `${request.hostPort}-${last}` : String(request.hostPort ?? 0);
  const about = { container: options.container, address: host, port, protocol: request.protocol };
  return (error) => {
    if (codeOf(error) === 'EADDRINUSE') return networkErrors.portAllocated(about, error);
    const reasons: Readonly<Record<string, string>> = {
      EADDRNOTAVAIL: 'this machine has no such address',
      EACCES: 'permission denied',
      ENOTFOUND: 'it is no IP address',
      EINVAL: 'it is no IP address of this machine',
    };
    const reason = reasons[codeOf(error)] ?? String(error);
    return networkErrors.portUnavailable({ ...about, reason }, error);
  };
};

const listen = async (
  request: PortRequest,
  host: string,
  port: number,
  options: PublishOptions,
): Promise<PortListener> => {
  if (request.protocol === 'tcp')
    return await listenTcp(host, port, () => options.target(request.containerPort));
  if (host.includes(':')) throw networkErrors.ipv6Unsupported({ what: `UDP port on ${host}` });
  return await holdUdp(host, port);
};

/** Takes the same port on every address, or none. */
const takeAll = async (request: PortRequest, port: number, options: PublishOptions): Promise<Publication> => {
  const held: { readonly host: string; readonly listener: PortListener }[] = [];
  try {
    for (const host of hostsOf(request)) {
      try {
        const listener = await listen(request, host, held[0]?.listener.port ?? port, options);
        held.push({ host, listener });
      } catch (error) {
        if (host !== ANY_V6 || held.length === 0 || !isMissingFamily(error)) throw error;
      }
    }
  } catch (error) {
    for (const { listener } of held) listener.close();
    throw error;
  }
  const { containerPort, protocol } = request;
  return {
    bindings: held.map(({ host, listener }) => ({
      containerPort,
      protocol,
      hostIp: host,
      hostPort: listener.port,
    })),
    close: () => held.forEach(({ listener }) => listener.close()),
  };
};

const candidates = (request: PortRequest): readonly number[] => {
  const first = request.hostPort ?? 0;
  if (first === 0) return Array.from({ length: TRIES }, () => 0);
  const last = request.hostPortEnd ?? first;
  return Array.from({ length: Math.max(last - first, 0) + 1 }, (_, index) => first + index);
};

const publishOne = async (request: PortRequest, options: PublishOptions): Promise<Publication> => {
  const host = bare(request.hostIp ?? '') || ANY_V4;
  const refused = refusal(request, host, options);
  if (isIP(host) === 0) throw refused(Object.assign(new Error('it is no IP address'), { code: 'ENOTFOUND' }));
  let failure: unknown;
  for (const port of candidates(request)) {
    try {
      return await takeAll(request, port, options);
    } catch (error) {
      failure = error;
      if (codeOf(error) !== 'EADDRINUSE') break;
    }
  }
  if (networkErrors.ipv6Unsupported.is(failure)) throw failure;
  throw refused(failure);
};

/**
 * Takes the wanted ports of this machine, all or none.
 *
 * Errors: `conflict` naming the occupied port, `invalid-argument` for an address this machine does not have.
 */
export const publish = async (
  requests: readonly PortRequest[],
  options: PublishOptions,
): Promise<Publication> => {
  const done: Publication[] = [];
  try {
    for (const request of requests) done.push(await publishOne(request, options));
  } catch (error) {
    for (const publication of done) publication.close();
    throw error;
  }
  return {
    bindings: done.flatMap((publication) => publication.bindings),
    close: () => done.forEach((publication) => publication.close()),
  };
};
