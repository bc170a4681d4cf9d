import { commaFields } from './comma-fields.ts';
import { cliErrors } from './errors.ts';

export interface EndpointBody {
  Aliases?: string[];
  IPAMConfig?: { IPv4Address?: string; IPv6Address?: string; LinkLocalIPs?: string[] };
  MacAddress?: string;
  DriverOpts?: Record<string, string>;
  GwPriority?: number;
}

export interface NetworkAttachment {
  readonly name: string;
  readonly endpoint: EndpointBody;
}

type Apply = (endpoint: EndpointBody, value: string) => void;

const KEYS: Readonly<Record<string, Apply>> = {
  alias: (endpoint, value) => void (endpoint.Aliases ??= []).push(value),
  ip: (endpoint, value) => void ((endpoint.IPAMConfig ??= {}).IPv4Address = value),
  ip6: (endpoint, value) => void ((endpoint.IPAMConfig ??= {}).IPv6Address = value),
  'link-local-ip': (endpoint, value) => void ((endpoint.IPAMConfig ??= {}).LinkLocalIPs ??= []).push(value),
  'mac-address': (endpoint, value) => void (endpoint.MacAddress = value),
  'gw-priority': (endpoint, value) => void (endpoint.GwPriority = Number(value)),
  'driver-opt': (endpoint, value) => {
    const split = value.indexOf('=');
    endpoint.DriverOpts = { ...endpoint.DriverOpts, [value.slice(0, split)]: value.slice(split + 1) };
  },
};

/**
 * One `--network`: a name, or `name=…,alias=…,ip=…`.
 *
 * @throws CLI_ARGUMENT_INVALID
 */
export const parseNetwork = (spec: string): NetworkAttachment => {
  if (!/(^|,)name=/.test(spec)) return { name: spec, endpoint: {} };
  let name = '';
  const endpoint: EndpointBody = {};
  for (const field of commaFields(spec)) {
    const split = field.indexOf('=');
    const key = field.slice(0, split).trim().toLowerCase();
    if (key === 'name') {
      name = field.slice(split + 1);
      continue;
    }
    const apply = split === -1 ? undefined : KEYS[key];
    if (apply === undefined)
      throw cliErrors.argumentInvalid({
        problem: `invalid argument "${spec}" for "--network" flag: invalid key ${key} in ${field}`,
        advice: 'write a network name, or name=NET[,alias=A][,ip=IP][,mac-address=MAC][,driver-opt=K=V]',
      });
    apply(endpoint, field.slice(split + 1));
  }
  return { name, endpoint };
};

export interface NetworkFlags {
  readonly network: readonly string[];
  readonly 'network-alias': readonly string[];
  readonly ip: string | undefined;
  readonly ip6: string | undefined;
  readonly 'mac-address': string | undefined;
}

const SPECIAL = /^(bridge|host|none|default|container:.*)$/;

/** NetworkMode and the endpoints of every network that was named; the other flags apply to the first. */
export const readNetworks = (
  flags: NetworkFlags,
): {
  readonly mode: string | undefined;
  readonly endpoints: Readonly<Record<string, EndpointBody>> | undefined;
} => {
  const attachments = flags.network.map(parseNetwork);
  const [first] = attachments;
  const endpoint: EndpointBody = first?.endpoint ?? {};
  for (const alias of flags['network-alias']) KEYS['alias']?.(endpoint, alias);
  if (flags.ip !== undefined) KEYS['ip']?.(endpoint, flags.ip);
  if (flags.ip6 !== undefined) KEYS['ip6']?.(endpoint, flags.ip6);
  if (flags['mac-address'] !== undefined) endpoint.MacAddress = flags['mac-address'];
  const [mode, plain] = [first?.name, Object.keys(endpoint).length === 0];
  if (attachments.length < 2 && plain && (mode === undefined || SPECIAL.test(mode)))
    return { mode, endpoints: undefined };
  const key = mode ?? 'default';
  const rest = attachments.slice(1).map((attachment) => [attachment.name, attachment.endpoint] as const);
  return { mode, endpoints: Object.fromEntries([[key, endpoint], ...rest]) };
};
