import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** A directory of a test's own on a real file system (not a tmpfs), removed when disposed. */
export interface Scratch extends Disposable {
  readonly path: string;
  join(...parts: string[]): string;
}

/** Short on purpose: unix socket paths end at 108 bytes. */
export const createScratch = (): Scratch => {
  const path = mkdtempSync('/var/tmp/lt-');
  return {
    path,
    join: (...parts) => join(path, ...parts),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }),
  };
};
