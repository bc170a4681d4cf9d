import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Hono } from 'hono';
import type { AccessControl } from '#access';
import type { CollectResult } from '#keeping';
import type { ProtocolLimits, ProtocolObserver, RegistryStorage } from '#protocol';

/** The storage of one directory, locked against a second registry. */
export interface OpenStorage extends RegistryStorage, AsyncDisposable {
  readonly path: string;
}

export interface RegistryLimits extends ProtocolLimits {
  /** Milliseconds that content without references is kept, default one hour: uploads in flight need it. */
  readonly graceMs?: number | undefined;
  /** Milliseconds that an idle upload session is kept, default one week. */
  readonly uploadMs?: number | undefined;
}

export interface CollectOptions {
  /** In place of the configured grace. */
  readonly graceMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A registry: `first` and `app` are options of `startHttpServer`. */
export interface Registry {
  /** Answers the protocol; leaves every other path to `app`. */
  readonly first: (request: IncomingMessage, response: ServerResponse) => boolean;
  readonly app: Hono;
  /** Removes what nothing refers to. May run while serving. */
  collect(options?: CollectOptions): Promise<CollectResult>;
}

export interface RegistryOptions {
  readonly storage: RegistryStorage;
  /** Everybody may do everything when absent. */
  readonly access?: AccessControl | undefined;
  readonly observer?: ProtocolObserver | undefined;
  readonly limits?: RegistryLimits | undefined;
}
