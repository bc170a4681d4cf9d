import type { LadeError } from '#errors';
import type { PortBinding as NetworkBinding, PortRequest } from '#network';
import { engineErrors } from './errors.ts';
import type { ContainerConfig, HostConfig, PortMap } from './wire-types.ts';

interface ContainerPort {
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
}

const MAX_PORT = 65_535;

const invalid = (reason: string): LadeError => engineErrors.invalidConfig({ reason });

/** `80`, `80/tcp`, `53/udp`. */
export const parseContainerPort = (text: string): ContainerPort => {
  const [digits = '', protocol = 'tcp'] = text.split('/');
  const port = Number(digits);
  if (!/^\d+$/.test(digits) || port < 1 || port > MAX_PORT)
    throw invalid(`invalid port specification: "${text}"`);
  if (protocol === 'sctp')
    throw engineErrors.unsupportedOption({ option: `the protocol sctp of port ${text}` });
  if (protocol !== 'tcp' && protocol !== 'udp') throw invalid(`invalid protocol: ${protocol}`);
  return { port, protocol };
};

/** An empty text is any free port; `8000-8010` is the first free one of a range. */
const parseHostPort = (text: string): Pick<PortRequest, 'hostPort' | 'hostPortEnd'> => {
  if (text === '') return {};
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = match?.[2] === undefined ? undefined : Number(match[2]);
  if (match === null || first > MAX_PORT || (last ?? first) > MAX_PORT || (last ?? first) < first) {
    throw invalid(`invalid port specification: "${text}"`);
  }
  return { hostPort: first, hostPortEnd: last };
};

/** Ports to publish when a container starts. */
export const portRequestsOf = (config: ContainerConfig, host: HostConfig): readonly PortRequest[] => {
  const bound = Object.entries(host.PortBindings ?? {}).flatMap(([key, bindings]) => {
    const { port, protocol } = parseContainerPort(key);
    const wanted = bindings === null || bindings.length === 0 ? [{}] : bindings;
    return wanted.map(
      (binding: { readonly HostIp?: string | undefined; readonly HostPort?: string | undefined }) => ({
        containerPort: port,
        protocol,
        hostIp: binding.HostIp,
        ...parseHostPort(binding.HostPort ?? ''),
      }),
    );
  });
  if (host.PublishAllPorts !== true) return bound;
  const exposed = Object.keys(config.ExposedPorts ?? {})
    .map(parseContainerPort)
    .filter(
      ({ port, protocol }) =>
        !bound.some((request) => request.containerPort === port && request.protocol === protocol),
    );
  return [...bound, ...exposed.map(({ port, protocol }) => ({ containerPort: port, protocol }))];
};

/** NetworkSettings.Ports: what is published, and null for what is only exposed. */
export const portMapOf = (config: ContainerConfig, bindings: readonly NetworkBinding[]): PortMap => {
  const map: Record<string, { HostIp: string; HostPort: string }[] | null> = {};
  for (const key of Object.keys(config.ExposedPorts ?? {})) {
    map[key.includes('/') ? key : `${key}/tcp`] = null;
  }
  for (const { containerPort, protocol, hostIp, hostPort } of bindings) {
    const key = `${containerPort}/${protocol}`;
    map[key] = [...(map[key] ?? []), { HostIp: hostIp, HostPort: String(hostPort) }];
  }
  return map;
};
