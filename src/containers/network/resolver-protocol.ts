/** Raised when the messages change, so that a daemon replaces the process of an older one. */
export const RESOLVER_PROTOCOL = 1;
export const SOCKET_NAME = 'resolver.sock';

/** One address and the names that lead to it, the container's own first; lower case. */
export interface ZoneName {
  readonly address: string;
  readonly names: readonly string[];
}

/** The names of one network. */
export interface Zone {
  readonly id: string;
  readonly name: string;
  readonly names: readonly ZoneName[];
}

/** One container whose questions are answered. */
export interface Sandbox {
  readonly id: string;
  readonly netnsPath: string;
  /** IDs of the networks whose names it sees. */
  readonly networks: readonly string[];
  /** Servers for other names; this machine's when empty. */
  readonly servers: readonly string[];
  /** Whether other servers are asked at all: not on internal networks. */
  readonly forward: boolean;
}

export interface ResolverState {
  readonly resolvConfPath: string;
  readonly sandboxes: readonly Sandbox[];
  readonly zones: readonly Zone[];
}

/** Messages are JSON, one a line. The daemon sends a state; the process answers when it holds, and ends on an empty one. */
export interface StateMessage {
  readonly sequence: number;
  readonly state: ResolverState;
}

export type ResolverMessage =
  | { readonly kind: 'hello'; readonly protocol: number }
  | { readonly kind: 'applied'; readonly sequence: number; readonly failures: readonly string[] };
