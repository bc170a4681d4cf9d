import type { Duplex, Readable } from 'node:stream';

/** Where a daemon listens. */
export type DaemonHost =
  | { readonly kind: 'unix'; readonly path: string }
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly port: number;
      readonly tls: TlsFiles | undefined;
    };

/** Files of a TLS connection, as DOCKER_CERT_PATH holds them. */
export interface TlsFiles {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Check the daemon's certificate. */
  readonly verify: boolean;
}

/** A list becomes repeated parameters; undefined and false are left out, true is `1`. */
export type QueryValue = string | number | boolean | undefined | readonly string[];

export interface ClientRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** Without version prefix, such as `/containers/json`; its parts are already percent-encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, QueryValue>> | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** A value that is sent as JSON. */
  readonly body?: unknown;
  /** Bytes that are sent as they come, instead of `body`. */
  readonly stream?: Readable | undefined;
  /** Media type of `stream`. */
  readonly contentType?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An answer with status below 400; its body must be read or destroyed. */
export interface ClientAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readable;
}

/** A connection that left HTTP. `end()` on the socket half-closes: the other side reads EOF and may still write. */
export interface Hijacked {
  readonly socket: Duplex;
  /** The daemon says that output is multiplexed by 8-byte heads; daemons before API 1.42 never say so. */
  readonly multiplexed: boolean;
}

/** Talks to one daemon. Each call opens its own connection. Errors are LadeErrors of the room's catalogue. */
export interface DockerClient {
  readonly host: DaemonHost;
  /** The answer's JSON; undefined when it has no body. */
  json<T>(request: ClientRequest): Promise<T>;
  /** The answer's raw body as it comes. */
  stream(request: ClientRequest): Promise<ClientAnswer>;
  /** Each JSON value of an answer that is a sequence of them, one a line. */
  lines<T>(request: ClientRequest): AsyncIterable<T>;
  /** Upgrades the connection (attach, exec). */
  hijack(request: ClientRequest): Promise<Hijacked>;
}
