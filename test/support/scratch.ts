import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** A directory of a test's own on a real file system (not a tmpfs), removed when disposed. */
export interface Scratch extends Disposable {
  readonly path: string;
  join(...parts: string[]): string;
  /** A directory below, which goes with this one. */
  child(name: string): Scratch;
}

const scratchAt = (path: string): Scratch => ({
  path,
  join: (...parts) => join(path, ...parts),
  child(name) {
    mkdirSync(join(path, name));
    return scratchAt(join(path, name));
  },
  [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }),
});

/** Short on purpose: unix socket paths end at 108 bytes. */
export const createScratch = (): Scratch => scratchAt(mkdtempSync('/var/tmp/lt-'));
