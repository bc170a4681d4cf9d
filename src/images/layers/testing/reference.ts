import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { umociUnpack, writeOciLayout } from './oci-layout.ts';
import { listTree } from './tree-listing.ts';

/** What another tool makes of layers: its root, listed, or its refusal. */
export type Reference =
  | { readonly kind: 'root'; readonly lines: readonly string[]; readonly since: bigint }
  | { readonly kind: 'refused'; readonly reason: string };

const reasonOf = (error: unknown): string =>
  error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);

/** Applies the layers one after another to one root with `umoci unpack`. */
export const unpackByUmoci = (tars: readonly Buffer[]): Reference => {
  const work = mkdtempSync(join(tmpdir(), 'lade-umoci-'));
  const since = BigInt(Date.now()) * 1_000_000n - 1_000_000_000n;
  try {
    writeOciLayout(join(work, 'layout'), tars);
    return { kind: 'root', since, lines: listTree(umociUnpack(join(work, 'layout'), join(work, 'bundle'))) };
  } catch (error) {
    return { kind: 'refused', reason: reasonOf(error) };
  } finally {
    execFileSync('chmod', ['-R', 'u+rwX', work], { stdio: 'ignore' });
    rmSync(work, { recursive: true });
  }
};

const TIME = / @(-?\d+)/;

/**
 * Leaves out of two listings the times of directories that the reference says are of just now: nobody stated them.
 * Returns both, to be compared.
 */
export const withoutOwnTimes = (
  ours: readonly string[],
  { lines, since }: Extract<Reference, { kind: 'root' }>,
): readonly [ours: readonly string[], reference: readonly string[]] => {
  const unstated = lines.map(
    (line) => / directory /.test(line) && BigInt(TIME.exec(line)?.[1] ?? '0') >= since,
  );
  const strip = (line: string, index: number): string =>
    unstated[index] === true ? line.replace(TIME, '') : line;
  return [ours.map(strip), lines.map(strip)];
};
