import type { Context } from 'hono';
import type { KeyedLocks } from './digest-locks.ts';
import type { Writers } from './writers.ts';
import type { Identity, RegistryEvent, RegistryStorage } from './types.ts';

/** What every handler works with. */
export interface Services {
  readonly storage: RegistryStorage;
  /** Keeps the collector and whoever publishes the same digest apart. */
  readonly locks: KeyedLocks;
  readonly writers: Writers;
  readonly emit: (event: RegistryEvent) => void;
  readonly manifestBytes: number;
}

/** One request. */
export interface Call {
  readonly c: Context;
  readonly services: Services;
  readonly method: string;
  readonly query: URLSearchParams;
  readonly identity: Identity | undefined;
}
