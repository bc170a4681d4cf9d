import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Hono } from 'hono';
import type { AccessControl } from '#access';
import type { CatalogReader } from '#catalog';
import type { Keeping, KeepingOptions, SweepResult } from '#keeping';
import type { Notifications, NotificationsOptions } from '#notifications';
import type { ProtocolLimits, ProtocolObserver, RegistryStorage } from '#protocol';
import type { Upstreams, UpstreamSettings } from '#upstreams';

/** The storage of one directory, locked against a second registry. */
export interface OpenStorage extends RegistryStorage, AsyncDisposable {
  readonly path: string;
  readonly catalog: CatalogReader;
}

export interface StorageOptions {
  /** Is told of what goes wrong behind the requests: images that could not be read for listings. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

export interface CollectOptions {
  /** In place of the configured upload window. */
  readonly graceMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A registry: `first` and `app` are options of `startHttpServer`. */
export interface Registry extends AsyncDisposable {
  /** Answers the protocol; leaves every other path to `app`. */
  readonly first: (request: IncomingMessage, response: ServerResponse) => boolean;
  readonly app: Hono;
  /** Absent where there are none. */
  readonly upstreams?: Upstreams | undefined;
  readonly keeping: Keeping;
  readonly notifications: Notifications;
  /** Removes what nothing refers to, with all that could be undone until now, and their bytes. May run while serving. */
  collect(options?: CollectOptions): Promise<SweepResult>;
}

export interface RegistryOptions {
  readonly storage: RegistryStorage;
  /** Everybody may do everything when absent. */
  readonly access?: AccessControl | undefined;
  readonly observer?: ProtocolObserver | undefined;
  readonly limits?: ProtocolLimits | undefined;
  /** Webhooks and how events name the registry. */
  readonly notifications?: NotificationsOptions | undefined;
  /** What it keeps, and for how long. */
  readonly keeping?: KeepingOptions | undefined;
  /** Other registries whose content is served under names of this one. */
  readonly upstreams?: readonly UpstreamSettings[] | undefined;
}
