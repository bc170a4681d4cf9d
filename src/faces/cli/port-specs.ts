import type { PortMap } from '#api';
import { cliErrors } from './errors.ts';

interface Range {
  readonly first: number;
  readonly last: number;
}

const invalid = (spec: string, problem: string): Error =>
  cliErrors.argumentInvalid({
    problem: `invalid port specification "${spec}": ${problem}`,
    advice: 'write [IP:][HOST_PORT:]CONTAINER_PORT[/tcp|udp|sctp], such as -p 127.0.0.1:8080:80',
  });

const parseRange = (spec: string, text: string): Range => {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (match === null || first > 65_535 || last > 65_535 || last < first)
    throw invalid(spec, `invalid port "${text}"`);
  return { first, last };
};

const PROTOCOLS: ReadonlySet<string> = new Set(['tcp', 'udp', 'sctp']);

const splitProtocol = (spec: string): readonly [string, string] => {
  const [ports = '', protocol = 'tcp', ...rest] = spec.split('/');
  const lower = protocol.toLowerCase();
  if (rest.length > 0 || !PROTOCOLS.has(lower)) throw invalid(spec, `invalid protocol "${protocol}"`);
  return [ports, lower];
};

/** `ip`, `host port` and `container port`; an IPv6 address stands in brackets. */
const splitAddress = (spec: string, ports: string): readonly [string, string, string] => {
  const bracket = /^\[([^\]]+)\]:(.*)$/.exec(ports);
  const words = (bracket?.[2] ?? ports).split(':');
  const container = words.pop() ?? '';
  const host = words.pop() ?? '';
  if (container === '') throw invalid(spec, 'no port specified');
  if (bracket !== null && words.length > 0) throw invalid(spec, 'too many colons');
  return [bracket?.[1] ?? words.join(':'), host, container];
};

const count = (range: Range): number => range.last - range.first + 1;

/** One `-p`: bindings by container port. A host range for one container port is handed on as it is. */
const parseSpec = (
  spec: string,
): readonly (readonly [string, { readonly HostIp: string; readonly HostPort: string }])[] => {
  const [ports, protocol] = splitProtocol(spec);
  const [ip, host, container] = splitAddress(spec, ports);
  const inside = parseRange(spec, container);
  const outside = host === '' ? undefined : parseRange(spec, host);
  const matches = outside === undefined || count(outside) === count(inside) || count(inside) === 1;
  if (!matches) throw invalid(spec, 'the ranges of host and container ports differ in length');
  return Array.from({ length: count(inside) }, (_, index) => {
    const shared = outside !== undefined && count(outside) !== count(inside);
    const hostPort = outside === undefined ? '' : shared ? host : String(outside.first + index);
    return [`${inside.first + index}/${protocol}`, { HostIp: ip, HostPort: hostPort }] as const;
  });
};

/**
 * `-p` as port bindings.
 *
 * @throws CLI_ARGUMENT_INVALID
 */
export const parsePublished = (specs: readonly string[]): PortMap => {
  const bindings: Record<string, { readonly HostIp: string; readonly HostPort: string }[]> = {};
  for (const [port, binding] of specs.flatMap(parseSpec)) (bindings[port] ??= []).push(binding);
  return bindings;
};

/** `--expose` with the published ports, as ExposedPorts. */
export const parseExposed = (specs: readonly string[], published: PortMap): Record<string, object> => {
  const exposed = specs.flatMap((spec) => {
    const [ports, protocol] = splitProtocol(spec);
    const range = parseRange(spec, ports);
    return Array.from({ length: count(range) }, (_, index) => `${range.first + index}/${protocol}`);
  });
  return Object.fromEntries([...exposed, ...Object.keys(published)].map((port) => [port, {}]));
};
