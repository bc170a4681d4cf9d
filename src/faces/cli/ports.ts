import type { ContainerSummary } from '#api';

type Port = ContainerSummary['Ports'][number];

const withHost = (ip: string, port: string | number): string =>
  ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;

const compare = (a: Port, b: Port): number => {
  if (a.PrivatePort !== b.PrivatePort) return a.PrivatePort - b.PrivatePort;
  const [left, right] = [a.IP ?? '', b.IP ?? ''];
  if (left !== right)
    return Number(left.includes(':')) - Number(right.includes(':')) || (left < right ? -1 : 1);
  return (a.PublicPort ?? 0) - (b.PublicPort ?? 0) || (a.Type < b.Type ? -1 : Number(a.Type > b.Type));
};

interface Range {
  readonly ip: string;
  readonly type: string;
  readonly first: number;
  last: number;
}

const rangeText = ({ ip, type, first, last }: Range): string => {
  const ports = first === last ? String(first) : `${first}-${last}`;
  return ip === '' ? `${ports}/${type}` : `${withHost(ip, ports)}->${ports}/${type}`;
};

/** Docker's PORTS column: neighbours with the same number outside and inside are ranges. */
export const formatPorts = (ports: readonly Port[]): string => {
  const open = new Map<string, Range>();
  const done: string[] = [];
  const mapped: string[] = [];
  for (const port of ports.toSorted(compare)) {
    const ip = port.IP ?? '';
    if (ip !== '' && port.PublicPort !== port.PrivatePort) {
      mapped.push(`${withHost(ip, port.PublicPort ?? 0)}->${port.PrivatePort}/${port.Type}`);
      continue;
    }
    const key = `${ip}/${port.Type}`;
    const range = open.get(key);
    if (range !== undefined && port.PrivatePort === range.last + 1) {
      range.last = port.PrivatePort;
      continue;
    }
    if (range !== undefined) done.push(rangeText(range));
    open.set(key, { ip, type: port.Type, first: port.PrivatePort, last: port.PrivatePort });
  }
  return [...done, ...[...open.values()].map(rangeText), ...mapped].join(', ');
};
