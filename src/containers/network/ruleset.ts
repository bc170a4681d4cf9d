import type { Protocol } from './types.ts';

/** A bridge as the packet filter sees it. */
export interface RuledBridge {
  readonly device: string;
  /** CIDR. */
  readonly subnet: string;
  readonly internal: boolean;
  /** Whether packets leave with this machine's address. */
  readonly masquerade: boolean;
}

/** A published port as the packet filter sees it. */
export interface RuledPort {
  readonly protocol: Protocol;
  /** Undefined for all IPv4 addresses of this machine. */
  readonly hostIp: string | undefined;
  readonly hostPort: number;
  readonly ip: string;
  readonly containerPort: number;
}

export interface Ruleset {
  readonly table: string;
  readonly bridges: readonly RuledBridge[];
  readonly ports: readonly RuledPort[];
}

const quoted = (devices: readonly string[]): string => `{ ${devices.map((name) => `"${name}"`).join(', ')} }`;

const map = (name: string, keys: string, elements: readonly string[]): string => `
  map ${name} {
    type ${keys} : ipv4_addr . inet_service
${elements.length === 0 ? '' : `    elements = { ${elements.join(', ')} }\n`}  }`;

const maps = (ports: readonly RuledPort[]): string => {
  const target = (port: RuledPort): string => `${port.ip} . ${port.containerPort}`;
  const bound = ports.filter((port) => port.hostIp !== undefined);
  const open = ports.filter((port) => port.hostIp === undefined);
  return (
    map(
      'bound',
      'inet_proto . ipv4_addr . inet_service',
      bound.map((port) => `${port.protocol} . ${port.hostIp} . ${port.hostPort} : ${target(port)}`),
    ) +
    map(
      'open',
      'inet_proto . inet_service',
      open.map((port) => `${port.protocol} . ${port.hostPort} : ${target(port)}`),
    )
  );
};

/**
 * Nobody outside reaches a container but by a published port, and no container reaches what listens on this machine's
 * loopback (route_localnet would let it).
 */
const guard = (bridges: readonly RuledBridge[]): readonly string[] => [
  `iifname ${quoted(bridges.map((bridge) => bridge.device))} ip daddr 127.0.0.0/8 drop`,
  ...bridges.map((bridge) => `iifname != { "${bridge.device}", "lo" } ip daddr ${bridge.subnet} drop`),
];

const outward = (bridge: RuledBridge): readonly string[] => [
  // A container that reaches a neighbour by a published port must get the answer from there, not directly.
  `ip saddr ${bridge.subnet} ip daddr ${bridge.subnet} ct status dnat masquerade`,
  `ip saddr 127.0.0.0/8 oifname "${bridge.device}" masquerade`,
  ...(bridge.masquerade && !bridge.internal
    ? [`ip saddr ${bridge.subnet} oifname != "${bridge.device}" masquerade`]
    : []),
];

/** Networks are apart from each other; an internal one is apart from everything but this machine itself. */
const isolate = (bridges: readonly RuledBridge[]): readonly string[] =>
  bridges.flatMap((bridge) => {
    const others = bridges.filter((other) => other !== bridge).map((other) => other.device);
    if (bridge.internal)
      return [
        `iifname "${bridge.device}" oifname != "${bridge.device}" drop`,
        `oifname "${bridge.device}" iifname != "${bridge.device}" drop`,
      ];
    return others.length === 0 ? [] : [`iifname "${bridge.device}" oifname ${quoted(others)} drop`];
  });

const chain = (name: string, hook: string, rules: readonly string[]): string => `
  chain ${name} {
    ${hook}
${rules.map((rule) => `    ${rule}\n`).join('')}  }`;

const hook = (type: string, at: string): string => `type ${type} hook ${at}; policy accept;`;

/**
 * The whole table of one daemon as text for `nft -f`, which replaces what was there in one step: packets see the old
 * table or the new one. With no bridges it only removes.
 */
export const renderRuleset = ({ table, bridges, ports }: Ruleset): string => {
  const removal = `table ip ${table}\ndelete table ip ${table}\n`;
  if (bridges.length === 0) return removal;
  const published = ['bound', 'open'].map(
    (name) =>
      `meta l4proto { tcp, udp } dnat ip to meta l4proto . ${name === 'bound' ? 'ip daddr . ' : ''}th dport map @${name}`,
  );
  const local = ['fib daddr type local jump published'];
  const chains = [
    `\n  chain published {\n${published.map((rule) => `    ${rule}\n`).join('')}  }`,
    chain('guard', hook('filter', 'prerouting priority raw'), guard(bridges)),
    chain('inbound', hook('nat', 'prerouting priority dstnat'), local),
    chain('local', hook('nat', 'output priority -100'), local),
    chain('outbound', hook('nat', 'postrouting priority srcnat'), bridges.flatMap(outward)),
    chain('between', hook('filter', 'forward priority filter'), [
      'ct state established,related accept',
      'ct status dnat accept',
      ...isolate(bridges),
    ]),
  ];
  return `${removal}table ip ${table} {${maps(ports)}${chains.join('')}\n}\n`;
};
