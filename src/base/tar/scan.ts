import { readSync } from 'node:fs';
import { BLOCK } from './header.ts';
import { createTarParser } from './parser.ts';
import type { TarEntry } from './types.ts';

/** Small files lie next to their headers, so one read serves several. */
const WINDOW = 8 * 1024;

/**
 * The entries of an archive in a file, without reading the content of large ones. Blocks the thread for about
 * 10 µs an entry.
 */
export function* scanTar(fd: number): Generator<TarEntry, void, undefined> {
  const found: TarEntry[] = [];
  const parser = createTarParser({ onEntry: (entry) => found.push(entry) });
  const buffer = Buffer.allocUnsafe(WINDOW);
  for (;;) {
    if (parser.droppable > BLOCK) parser.skip(parser.droppable);
    const read = readSync(fd, buffer, 0, WINDOW, parser.position);
    if (read === 0) break;
    parser.feed(buffer.subarray(0, read));
    yield* found.splice(0);
  }
  parser.end();
}
