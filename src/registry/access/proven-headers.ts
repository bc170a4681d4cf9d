import { hash } from 'node:crypto';
import type { Caller } from './types.ts';

/** A caller that a header proved, and what it was proved with. */
export interface Proven {
  readonly caller: Caller;
  /** The header proves nobody after this. */
  readonly untilMs: number;
  /** Called about once a minute while it is used. */
  readonly onUse?: (() => void) | undefined;
}

/** Callers by the Authorization header that proved them. */
export interface ProvenHeaders {
  find(header: string): Caller | undefined;
  /** `at` is the version before the proof began, so that no change during it is missed. */
  add(header: string, proven: Proven, at: number): void;
}

interface Entry extends Proven {
  readonly version: number;
  toldMs: number;
}

const MAX_HEADERS = 2_000;
const TELL_MS = 60_000;

/**
 * Remembers until what was proved ends or `version` tells that anything about accounts has changed. This is
 * what makes a request with a token cost next to nothing.
 */
export const createProvenHeaders = (version: () => number): ProvenHeaders => {
  const known = new Map<string, Entry>();
  /** Passwords are not kept as they are; tokens end soon, and are asked for thousands of times a second. */
  const keyOf = (header: string): string =>
    header.startsWith('Bearer ') ? header : hash('sha256', header, 'base64');
  return {
    find: (header) => {
      const key = keyOf(header);
      const entry = known.get(key);
      if (entry === undefined) return undefined;
      const nowMs = Date.now();
      if (entry.version !== version() || entry.untilMs <= nowMs) {
        known.delete(key);
        return undefined;
      }
      if (nowMs - entry.toldMs > TELL_MS) {
        entry.toldMs = nowMs;
        entry.onUse?.();
      }
      return entry.caller;
    },
    add: (header, proven, at) => {
      const [oldest] = known.keys();
      if (known.size >= MAX_HEADERS && oldest !== undefined) known.delete(oldest);
      known.set(keyOf(header), { ...proven, version: at, toldMs: Date.now() });
      proven.onUse?.();
    },
  };
};
