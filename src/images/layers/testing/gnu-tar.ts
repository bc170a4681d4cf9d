import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listTree } from './tree-listing.ts';

/** A tar that GNU tar made of a directory, and that directory's listing. */
export interface Packed {
  readonly tar: Buffer;
  readonly lines: readonly string[];
}

/** Lets `fill` make files in a new directory and packs them with GNU tar. */
export const packByGnuTar = (options: readonly string[], fill: (path: string) => void): Packed => {
  const path = mkdtempSync(join(tmpdir(), 'lade-packed-'));
  try {
    fill(path);
    const lines = listTree(path);
    const args = [...options, '--numeric-owner', '-C', path, '-cf', '-', '.'];
    return { lines, tar: execFileSync('tar', args, { maxBuffer: 1 << 30 }) };
  } finally {
    rmSync(path, { recursive: true });
  }
};
