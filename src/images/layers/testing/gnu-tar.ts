import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
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

/** Files of this machine's own system, packed with their attributes: capabilities, links, set-user-id bits, many names. */
export const packOwnSystem = (): Buffer => {
  const wanted = [
    'usr/bin/ping',
    'usr/bin/passwd',
    'etc/alternatives',
    'etc/ssl',
    'usr/share/perl5',
    'usr/share/zoneinfo',
  ];
  const present = wanted.filter((path) => existsSync(`/${path}`));
  const options = ['--xattrs', '--xattrs-include=*', '--format=pax', '--numeric-owner'];
  return execFileSync('tar', [...options, '-C', '/', '-cf', '-', ...present], { maxBuffer: 1 << 28 });
};
