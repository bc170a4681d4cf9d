import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import type { Hono } from 'hono';
import type { OutboundGuard } from './outbound-guard.ts';

/** Certificate material of a TLS server, in PEM. */
export interface ServerTls {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** Asks clients for a certificate signed by this authority. */
  readonly clientCa?: string | Buffer | undefined;
  /** Whether clients without such a certificate are refused; `required` when absent. */
  readonly clientCertificates?: 'required' | 'optional' | undefined;
  /** `TLSv1.2` when absent. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
}

/** Where a server listens. */
export type ListenAddress =
  | {
      readonly kind: 'unix';
      readonly path: string;
      /** Permission bits of the socket, such as 0o660; what the umask left when absent. */
      readonly mode?: number | undefined;
      /** Group that owns the socket. */
      readonly gid?: number | undefined;
    }
  | {
      readonly kind: 'tcp';
      readonly host: string;
      /** 0 takes a free port; the answer names it. */
      readonly port: number;
      readonly tls?: ServerTls | undefined;
    };

/** Where a server really listens; `url` is usable by a client. */
export type BoundAddress =
  | { readonly kind: 'unix'; readonly path: string; readonly url: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly url: string };

export interface HttpServerOptions {
  /** Any Hono application; raw streams are reached by `incoming(c)` and `outgoing(c)`. */
  readonly app: Pick<Hono, 'fetch'>;
  /**
   * Sees every request before the application: true when it answers it itself, now or later, and never throws. For
   * protocols that are asked thousands of times a second.
   */
  readonly first?: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  readonly listen: readonly ListenAddress[];
  /** Milliseconds until a connection must have sent the headers of its next request, default 60,000. */
  readonly headersMs?: number | undefined;
  /** Answers for what the application threw outside its own error handler. A bare 500 when absent. */
  readonly onError?: ((error: unknown) => Response) | undefined;
}

/** Bytes from `start` to before `end` of an open file. */
export interface FileRegion {
  readonly fd: number;
  readonly start: number;
  readonly end: number;
}

export interface HttpServer extends AsyncDisposable {
  /** In the order of `listen`. */
  readonly addresses: readonly BoundAddress[];
  /**
   * Stops accepting, waits up to `graceMs` (default 5,000) for requests in flight and hijacked connections,
   * then cuts what is left. Idempotent. Removes the unix sockets.
   */
  close(graceMs?: number): Promise<void>;
  /**
   * New connections get this certificate; those that are open keep theirs. Whether clients must have certificates
   * stays as it was.
   *
   * @throws what OpenSSL says of material that does not fit; nothing has changed then
   */
  replaceTls(tls: ServerTls): void;
}

export type HeaderValues = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What a request may carry; a stream without a content-length header is sent chunked. */
export type RequestBody = Readable | Uint8Array | string;

export interface HttpRequest {
  readonly method?: string | undefined;
  /** Absolute, or a path on the client's socket or base URL. */
  readonly url: string | URL;
  readonly headers?: HeaderValues | undefined;
  readonly body?: RequestBody | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: HeaderValues;
  /** Must be read to the end or destroyed. */
  readonly body: Readable;
}

export interface UpgradeRequest extends HttpRequest {
  /** Value of the Upgrade header; `tcp` when absent. */
  readonly protocol?: string | undefined;
}

/** What an upgrade request got: the connection, or an ordinary answer such as 404. */
export type UpgradeResult =
  | {
      readonly kind: 'upgraded';
      readonly status: number;
      readonly headers: HeaderValues;
      /** The raw connection, half-close included. */
      readonly socket: Duplex;
    }
  | ({ readonly kind: 'response' } & HttpResponse);

/** Proxies by the scheme of the target, as URLs; and hosts that are reached without, as NO_PROXY lists them. */
export interface ProxySettings {
  readonly http?: string | undefined;
  readonly https?: string | undefined;
  readonly except?: readonly string[] | undefined;
}

export interface HttpClientOptions {
  /** Talks to this unix socket only; `url`s are then paths. */
  readonly socketPath?: string | undefined;
  /** What relative `url`s are resolved against. */
  readonly baseUrl?: string | undefined;
  /** Authorities to trust besides the system's, in PEM. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** Client certificates and their keys, in PEM and in the same order. */
  readonly cert?: string | Buffer | readonly (string | Buffer)[] | undefined;
  readonly key?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** Accepts any server certificate. */
  readonly insecure?: boolean | undefined;
  /** `environment` (default) obeys HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY. */
  readonly proxy?: 'environment' | 'none' | ProxySettings | undefined;
  readonly timeouts?: ClientTimeouts | undefined;
  /** Decides where it may connect to; everywhere when absent. Not asked about `socketPath` and the proxies themselves. */
  readonly guard?: OutboundGuard | undefined;
}

/** Milliseconds; 0 means none. */
export interface ClientTimeouts {
  /** Default 15,000. */
  readonly connectMs?: number | undefined;
  /** Until the answer's headers; default 0. */
  readonly headersMs?: number | undefined;
  /** Between two pieces of the answer's body; default 0. */
  readonly idleMs?: number | undefined;
}

export interface HttpClient extends AsyncDisposable {
  /** Sends one request; resolves with the headers. Redirects are not followed. */
  request(request: HttpRequest): Promise<HttpResponse>;
  /** Asks for a raw connection. Not through proxies. */
  upgrade(request: UpgradeRequest): Promise<UpgradeResult>;
}
