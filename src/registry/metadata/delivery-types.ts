import type { JournalEntry } from './types.ts';

/** How far an endpoint of webhooks has come. */
export interface DeliveryState {
  readonly endpoint: string;
  /** Id of the last journal entry that is done with: delivered, not wanted, or buried. */
  readonly position: number;
  /** Attempts at the entry after that. */
  readonly attempts: number;
  /** When the next attempt is due. */
  readonly nextMs: number;
  /** Why the last attempt failed, one line. */
  readonly lastError: string | undefined;
  readonly lastSuccessMs: number | undefined;
  /** Events delivered, and given up, since the endpoint exists. */
  readonly delivered: number;
  readonly buried: number;
}

/** An event that was given up. */
export interface DeadLetter {
  readonly id: number;
  readonly endpoint: string;
  readonly entry: JournalEntry;
  readonly attempts: number;
  readonly reason: string;
  readonly atMs: number;
}

/**
 * Positions of webhooks in the journal, and what could not be delivered. A position may be lost to a power cut, never
 * to the end of the process: events are then delivered once more.
 */
export interface DeliveryStore {
  /** Names this registry in events; made once. */
  readonly instance: string;
  states(): readonly DeliveryState[];
  state(endpoint: string): DeliveryState | undefined;
  save(state: DeliveryState): Promise<void>;
  /** Saves the state and adds the letters; the oldest of the endpoint beyond `keep` go. */
  bury(state: DeliveryState, letters: readonly Omit<DeadLetter, 'id'>[], keep: number): Promise<void>;
  /** Oldest first, after this id. */
  deadLetters(
    endpoint: string | undefined,
    page: { readonly limit: number; readonly after: number },
  ): readonly DeadLetter[];
  countDeadLetters(endpoint: string): number;
  removeDeadLetters(ids: readonly number[]): Promise<void>;
  /** Writes something without meaning: fails when writes fail. */
  probe(): Promise<void>;
}
