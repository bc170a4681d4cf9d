import type { Caller } from '#access';
import type { Cause } from '#metadata';
import type { Exchange } from './answers.ts';
import type { ProtocolObserver, Protection, PullThrough, RegistryStorage } from './types.ts';
import type { UploadAllowance } from './upload-allowance.ts';
import type { Writers } from './writers.ts';

/** What every handler works with. */
export interface Services {
  readonly storage: RegistryStorage;
  readonly writers: Writers;
  readonly allowance: UploadAllowance;
  readonly protection: Protection | undefined;
  readonly upstreams: PullThrough | undefined;
  readonly observer: ProtocolObserver;
  readonly manifestBytes: number;
  /** Infinity when there is no limit. */
  readonly blobBytes: number;
}

/** One request. */
export interface Call extends Exchange {
  readonly services: Services;
  readonly method: string;
  readonly query: URLSearchParams;
  readonly caller: Caller;
  readonly cause: Cause;
}
