import type { DeadLetter, JournalEntry } from '#metadata';
import type { DistributionEvent } from './event.ts';
import type { Pull } from './pulls.ts';
import type { WebhookSettings } from './settings.ts';
import type { StreamItem, StreamOptions } from './stream.ts';

/** How an endpoint does. */
export interface WebhookStatus {
  readonly name: string;
  /** Without its query, which may be a secret. */
  readonly url: string;
  readonly actions: readonly string[];
  readonly repositories: readonly string[] | undefined;
  /** Journal entries that it has not seen; not all of them are for it. */
  readonly behind: number;
  /** Failed attempts at the event that is due. */
  readonly attempts: number;
  readonly nextMs: number | undefined;
  readonly lastError: string | undefined;
  readonly lastSuccessMs: number | undefined;
  readonly delivered: number;
  readonly deadLetters: number;
}

export interface ReplayResult {
  readonly delivered: number;
  readonly left: number;
  /** Why it ended early. */
  readonly reason: string | undefined;
}

export interface DeadLetterFilter {
  readonly endpoint?: string | undefined;
  readonly after: number;
  readonly limit: number;
}

/** Webhooks and the stream of one registry. */
export interface Notifications extends AsyncDisposable {
  status(): readonly WebhookStatus[];
  /** Sends an event that is marked as a test. @throws NOTIFICATIONS_ENDPOINT_UNKNOWN, and as delivering does */
  test(name: string): Promise<{ readonly status: number; readonly ms: number }>;
  deadLetters(filter: DeadLetterFilter): readonly DeadLetter[];
  /** Sends dead letters again, oldest first, until one fails. @throws NOTIFICATIONS_ENDPOINT_UNKNOWN */
  replay(name: string, id: number | undefined): Promise<ReplayResult>;
  /** To be told of contents that were sent. */
  pulled(pull: Pull): void;
  event(entry: JournalEntry): DistributionEvent;
  stream(options: StreamOptions): AsyncGenerator<StreamItem>;
  /** Ends the streams that run: they would hold up a graceful stop. */
  endStreams(): void;
  /** Takes over other endpoints; those that are the same go on. */
  reload(webhooks: readonly WebhookSettings[]): Promise<void>;
}

export interface NotificationsOptions {
  readonly webhooks?: readonly WebhookSettings[] | undefined;
  /** `HOST:PORT` of the registry, as events tell it. */
  readonly address?: string | undefined;
  /** Told of failures of the store. */
  readonly failed?: ((error: unknown) => void) | undefined;
}
