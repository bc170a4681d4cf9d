/** A disk with hardly any room left: a small tmpfs, filled up but for some KiB before each point. */
import { mkdirSync, rmSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { mustRun } from '../support/process.ts';
import { createScratch } from '../support/scratch.ts';
import { fillDisk } from './support/full-disk.ts';
import { openLedger } from './support/ledger.ts';
import { OPERATIONS } from './support/operations.ts';
import { randomFrom, SCALE, SEED } from './support/plan.ts';
import { fullDiskPoint } from './support/point.ts';
import { startSite } from './support/site.ts';

const scratch = createScratch();
afterAll(() => scratch[Symbol.dispose]());

const SIZE_MIB = 96;

/** KiB that are left free; a few are always the same. */
const roomsFor = (random: () => number): readonly number[] => [
  0,
  4,
  40,
  ...Array.from({ length: 2 * SCALE }, () => 4 + Math.floor(random() ** 2 * 2000)),
];

describe('a full disk', { concurrent: true }, () => {
  test.each(OPERATIONS)('in $name', { timeout: 300_000 * SCALE }, async (operation) => {
    const own = scratch.child(operation.name);
    const root = own.join('root');
    const filler = own.join('root', 'filler');
    mkdirSync(root);
    await mustRun('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MIB}m`, 'tmpfs', root]);
    try {
      const ledger = openLedger(operation.name, 'full disk');
      await using site = await startSite(own, { root });
      for (const kib of roomsFor(randomFrom(SEED))) {
        const attempt = await operation.prepare(site);
        fillDisk(root, filler, kib);
        const findings = await fullDiskPoint(site, attempt, () => rmSync(filler, { force: true }));
        ledger.point(`${kib} KiB left`, findings);
      }
      expect(ledger.close()).toEqual([]);
    } finally {
      await mustRun('umount', ['-R', '-l', root]);
    }
  });
});
