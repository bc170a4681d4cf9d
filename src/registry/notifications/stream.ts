import { setImmediate as breathe } from 'node:timers/promises';
import type { Journal, JournalEntry } from '#metadata';
import { createBell } from './bell.ts';
import { isContentEvent } from './wanted.ts';

/** What comes out of a stream: an entry, or nothing for a while, so that the reader can show that it lives. */
export type StreamItem =
  | { readonly kind: 'entry'; readonly entry: JournalEntry }
  | { readonly kind: 'quiet' };

export interface StreamOptions {
  /** Entries after this one. */
  readonly after: number;
  readonly wants: (entry: JournalEntry) => boolean;
  readonly signal: AbortSignal;
  /** Ends when nothing more is there, instead of waiting. */
  readonly once?: boolean | undefined;
}

const PAGE = 100;
const QUIET_MS = 15_000;

/** Content events in order, those that come included, until the signal aborts. Reads as fast as it is read. */
export async function* streamEntries(
  journal: Pick<Journal, 'entries' | 'follow'>,
  { after, wants, signal, once = false }: StreamOptions,
): AsyncGenerator<StreamItem> {
  const bell = createBell();
  using _following = journal.follow(() => bell.ring());
  let position = after;
  while (!signal.aborted) {
    const entries = journal.entries({ after: position, limit: PAGE });
    for (const entry of entries) {
      position = entry.id;
      if (isContentEvent(entry) && wants(entry)) yield { kind: 'entry', entry };
      if (signal.aborted) return;
    }
    if (entries.length > 0) {
      // Of a page that nobody wanted others would see nothing but the wait.
      await breathe();
      continue;
    }
    if (once) return;
    const waited = performance.now();
    await bell.wait(QUIET_MS, signal);
    if (performance.now() - waited >= QUIET_MS) yield { kind: 'quiet' };
  }
}
