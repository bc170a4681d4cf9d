import type { Database } from '#database';
import type { Emit } from '#events';

export type Protocol = 'tcp' | 'udp';

/** A port to publish. */
export interface PortRequest {
  readonly containerPort: number;
  readonly protocol: Protocol;
  /** Address of this machine; empty, absent or `0.0.0.0` means all of them. */
  readonly hostIp?: string | undefined;
  /** First port that may be taken; 0 or absent means any free one. */
  readonly hostPort?: number | undefined;
  /** Last port that may be taken; `hostPort` unless given. The first free one of the range is used. */
  readonly hostPortEnd?: number | undefined;
}

/** A published port as it stands. One request may give two bindings: `0.0.0.0` and `::`. */
export interface PortBinding {
  readonly containerPort: number;
  readonly protocol: Protocol;
  readonly hostIp: string;
  readonly hostPort: number;
}

/** Driver of a network; `null` is Docker's name for the driver of the network `none`. */
export type NetworkDriver = 'bridge' | 'host' | 'null';

/** One IPv4 range of a network, in Docker's words. */
export interface IpamConfig {
  /** CIDR. */
  readonly subnet: string;
  readonly gateway: string;
  /** Part of the subnet that containers get their addresses from. */
  readonly ipRange?: string | undefined;
  /** Addresses that are taken by something else, by name. */
  readonly auxiliaryAddresses?: Readonly<Record<string, string>> | undefined;
}

/** A network and who is on it. */
export interface Network {
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly name: string;
  readonly driver: NetworkDriver;
  readonly created: Date;
  /** No way out of this network and no published ports. */
  readonly internal: boolean;
  readonly attachable: boolean;
  /** `bridge`, `host` and `none` cannot be removed. */
  readonly predefined: boolean;
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Undefined for `host` and `none`, and for a bridge nobody has used yet whose range is still to be chosen. */
  readonly ipam: IpamConfig | undefined;
  /** Name of the bridge device. */
  readonly device: string | undefined;
  readonly endpoints: readonly Endpoint[];
}

/** A running container's place on a network. */
export interface Endpoint {
  readonly id: string;
  readonly networkId: string;
  readonly networkName: string;
  readonly containerId: string;
  readonly containerName: string;
  /** Names by which the containers of the same user-defined network reach this one. */
  readonly aliases: readonly string[];
  /** Empty on `host` and `none`, as are `mac` and `gateway`. */
  readonly ip: string;
  /** Length of the network prefix, such as 16. */
  readonly prefix: number;
  /** Empty when the network is internal. */
  readonly gateway: string;
  readonly mac: string;
  /** Name of the interface inside the container, such as `eth0`. */
  readonly device: string;
  readonly ports: readonly PortBinding[];
}

export interface CreateNetwork {
  readonly name: string;
  /** `bridge` unless given. */
  readonly driver?: string | undefined;
  readonly internal?: boolean | undefined;
  readonly attachable?: boolean | undefined;
  readonly enableIPv6?: boolean | undefined;
  /** At most one range; it is chosen when absent, as is a gateway. */
  readonly ipam?: readonly Partial<IpamConfig>[] | undefined;
  readonly options?: Readonly<Record<string, string>> | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export interface AttachRequest {
  readonly containerId: string;
  /** Without a leading slash. */
  readonly containerName: string;
  /** Of `createNamespace`. Not used on the network `host`. */
  readonly netnsPath: string;
  /** Name or ID of the network. */
  readonly network: string;
  /** More names on this network; name, short ID and hostname need not be repeated here. */
  readonly aliases?: readonly string[] | undefined;
  readonly hostname?: string | undefined;
  readonly ports?: readonly PortRequest[] | undefined;
  /** A wanted address inside the network's range. */
  readonly ip?: string | undefined;
  readonly mac?: string | undefined;
  /** Where the resolver of a user-defined network asks for other names, instead of this machine's own servers. */
  readonly dns?: readonly string[] | undefined;
}

export interface HostsFileRequest {
  readonly hostname: string;
  readonly domainname?: string | undefined;
  readonly endpoints: readonly Endpoint[];
  /** Docker's form `name:address`; the address `host-gateway` is replaced. */
  readonly extraHosts?: readonly string[] | undefined;
  /** The container shares this machine's network: its own entries are kept. */
  readonly hostNetwork?: boolean | undefined;
}

export interface ResolvConfRequest {
  readonly endpoints: readonly Endpoint[];
  readonly dns?: readonly string[] | undefined;
  readonly dnsSearch?: readonly string[] | undefined;
  readonly dnsOptions?: readonly string[] | undefined;
  readonly hostNetwork?: boolean | undefined;
}

/** What a container's network setting names. */
export type NetworkMode =
  | { readonly kind: 'host' }
  | { readonly kind: 'none' }
  | { readonly kind: 'container'; readonly container: string }
  | { readonly kind: 'network'; readonly network: string };

export type NetworkEvent =
  /** Something on this machine was changed or could not be done; for people to read. */
  | { readonly kind: 'notice'; readonly message: string }
  | { readonly kind: 'network-created' | 'network-removed'; readonly network: Network }
  | {
      readonly kind: 'connected' | 'disconnected';
      readonly network: Network;
      readonly containerId: string;
    };

export interface SweepReport {
  /** Containers whose leftovers were removed. */
  readonly containers: readonly string[];
}

/** A block of addresses that networks are cut from. */
export interface AddressPool {
  readonly base: string;
  /** Prefix length of each network. */
  readonly size: number;
}

export interface NetworksOptions {
  /** Any object with the root directory and its database, which has had `networkMigrations`. */
  readonly root: { readonly path: string; readonly database: Database };
  /** Where namespaces are kept; `ROOT/netns` unless given. */
  readonly netnsDir?: string | undefined;
  readonly addressPools?: readonly AddressPool[] | undefined;
  /** The file of name servers; `/etc/resolv.conf` unless given. */
  readonly resolvConfPath?: string | undefined;
  readonly emit?: Emit<NetworkEvent> | undefined;
}

export interface Networks extends AsyncDisposable {
  /**
   * Records a user-defined network and makes its bridge.
   *
   * Errors: `already-exists` for the name, `conflict` when the range overlaps another network's, `invalid-argument`,
   * `unsupported` for another driver or IPv6.
   */
  create(request: CreateNetwork): Promise<Network>;
  /** By name, ID or a unique prefix of an ID. Errors: `not-found`, `invalid-argument` when ambiguous. */
  inspect(nameOrId: string): Network;
  list(): readonly Network[];
  /** Errors: `conflict` while containers are on it, `permission-denied` for predefined ones. */
  remove(nameOrId: string): Promise<Network>;
  /** Removes every user-defined network nobody is on and that `unused` accepts. */
  prune(unused?: (network: Network) => boolean): Promise<readonly Network[]>;
  /** What `prune` would remove once these containers are gone. */
  prunable(without?: ReadonlySet<string>): readonly Network[];

  /** Makes the container's network namespace with its loopback up. Idempotent; below a millisecond. */
  createNamespace(containerId: string): string;
  namespacePath(containerId: string): string;
  /** Lets the namespace go; the kernel removes its interfaces when its last process ends. Idempotent. */
  removeNamespace(containerId: string): void;

  /**
   * Gives the container an interface, an address, its published ports and its names on one network; also for a
   * running container (connect). All or nothing.
   *
   * Errors: `conflict` for an occupied port or address or a container that is already on the network, `not-found`.
   */
  attach(request: AttachRequest): Promise<Endpoint>;
  /** Takes a running container off one network, interface included. Errors: `not-found`. */
  disconnect(network: string, containerId: string): Promise<void>;
  /** Takes a stopped container off all networks. Its interfaces go with the namespace. Idempotent. */
  detach(containerId: string): Promise<void>;
  /** In the order they were attached. */
  endpoints(containerId: string): readonly Endpoint[];
  /** The name of a running container changed. */
  rename(containerId: string, containerName: string): Promise<void>;

  /** Content of the container's /etc/hosts. */
  hostsFile(request: HostsFileRequest): string;
  /** Content of the container's /etc/resolv.conf. */
  resolvConf(request: ResolvConfRequest): string;

  /** Removes what is left of containers that are not in `running`: after a crash, called once at start. */
  sweep(running: ReadonlySet<string>): Promise<SweepReport>;
  /** Removes bridges and rules that no running container uses; they come back when one needs them. */
  cleanup(): Promise<void>;
  /** Leaves running containers alone and does `cleanup`. */
  [Symbol.asyncDispose](): Promise<void>;
}
