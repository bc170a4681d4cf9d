import { isIP } from 'node:net';

/** What one word of EXPOSE says. */
type ExposedPort =
  | {
      readonly kind: 'ports';
      /** `80/tcp` each. */
      readonly members: readonly string[];
      /** The protocol is not in lower case. */
      readonly oddProtocol: boolean;
      /** An address or a port of the host stands before it, which means nothing here. */
      readonly hasHost: boolean;
    }
  | { readonly kind: 'fault'; readonly problem: string };

/** How a word of EXPOSE may look, for hints. */
export const PORT_FORM = 'the form is 80, 80/udp or 8000-8010';

const MAX_PORT = 65_535;
const PROTOCOLS: ReadonlySet<string> = new Set(['tcp', 'udp', 'sctp']);

const fault = (problem: string): ExposedPort => ({ kind: 'fault', problem });

/** First and last of `80` or `80-90`. */
const rangeOf = (text: string): readonly [number, number] | undefined => {
  const match = /^(\d+)(?:-(\d+))?$/u.exec(text);
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return first <= last && last <= MAX_PORT ? [first, last] : undefined;
};

/** `[address:][host port:]port`, from the right. */
const partsOf = (text: string) => {
  const parts = text.split(':');
  return { container: parts.at(-1) ?? '', host: parts.at(-2) ?? '', address: parts.slice(0, -2).join(':') };
};

const hostFault = (host: string, address: string, size: number): string | undefined => {
  const bare = address.startsWith('[') && address.endsWith(']') ? address.slice(1, -1) : address;
  if (bare !== '' && isIP(bare) === 0) return `invalid IP address: ${address}`;
  if (host === '') return undefined;
  const range = rangeOf(host);
  if (range === undefined) return `invalid hostPort: ${host}`;
  return size > 1 && range[1] - range[0] + 1 !== size
    ? `invalid ranges specified for container and host Ports: ${host}`
    : undefined;
};

/** Reads one word of EXPOSE, with what docker still takes and only warns of: addresses and ports of the host. */
export const readPort = (text: string): ExposedPort => {
  const { container, host, address } = partsOf(text);
  const slash = container.indexOf('/');
  const port = slash < 0 ? container : container.slice(0, slash);
  const written = slash < 0 ? '' : container.slice(slash + 1);
  const protocol = written === '' ? 'tcp' : written;
  if (port === '') return fault(`invalid port: "${text}": no port specified`);
  if (!PROTOCOLS.has(protocol.toLowerCase()))
    return fault(`invalid port: "${text}": invalid proto: ${protocol}`);
  const range = rangeOf(port);
  if (range === undefined) return fault(`invalid containerPort: ${port}`);
  const [first, last] = range;
  const problem = hostFault(host, address, last - first + 1);
  if (problem !== undefined) return fault(problem);
  const members = Array.from(
    { length: last - first + 1 },
    (_, index) => `${first + index}/${protocol.toLowerCase()}`,
  );
  const hasHost = host !== '' || address !== '';
  return { kind: 'ports', members, oddProtocol: protocol !== protocol.toLowerCase(), hasHost };
};
