/** SIGKILL of the daemon at chosen system calls of each operation. */
import { writeFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { mustRun } from '../support/process.ts';
import { createScratch, type Scratch } from '../support/scratch.ts';
import { openLedger } from './support/ledger.ts';
import { OPERATIONS } from './support/operations.ts';
import { choose, randomFrom, SCALE, SEED, spectrumOf } from './support/plan.ts';
import { injectedPoint } from './support/point.ts';
import { startSite, type Site } from './support/site.ts';
import { straceProblem } from './support/strace.ts';

const scratch = createScratch();
afterAll(() => scratch[Symbol.dispose]());

/** Each is met before it has its effect; between two of them nothing on disk changes. */
const CALLS = [
  'fsync',
  'rename',
  'unlink',
  'mkdir',
  'rmdir',
  'openat',
  'pwrite64',
  'write',
  'fdatasync',
  'move_mount',
];

const POINTS = 14 * SCALE;

/** A second opinion on all that was committed: skopeo takes it apart, and compares layers with their digests. */
const readBySkopeo = async (site: Site, own: Scratch): Promise<void> => {
  const archive = own.join('all.tar');
  const names = [...site.committed.keys()].map((tag) => `names=${encodeURIComponent(tag)}`).join('&');
  writeFileSync(archive, await site.must({ method: 'GET', path: `/images/get?${names}` }));
  for (const tag of site.committed.keys())
    await mustRun('skopeo', ['copy', '-q', `docker-archive:${archive}:${tag}`, `dir:${own.join('copy')}`]);
};

const problem = await straceProblem();

describe.skipIf(problem !== undefined)(
  `kill -9 at a system call (${problem ?? 'needs ptrace'})`,
  { concurrent: true },
  () => {
    test.each(OPERATIONS)('in $name', { timeout: 300_000 * SCALE }, async (operation) => {
      const ledger = openLedger(operation.name, 'kill');
      // One thread for files: each number names one point in time.
      const env = { UV_THREADPOOL_SIZE: '1' };
      const own = scratch.child(operation.name);
      await using site = await startSite(own, { env });
      const spectrum = await spectrumOf(site, operation, CALLS);
      for (const { call, when } of choose(spectrum, POINTS, randomFrom(SEED))) {
        const attempt = await operation.prepare(site);
        const fault = { call, when: String(when), fault: 'signal=KILL' } as const;
        const { met, findings } = await injectedPoint(site, attempt, fault);
        if (met || findings.length > 0) ledger.point(`${call} ${when}`, findings);
      }
      expect(ledger.close()).toEqual([]);
      await readBySkopeo(site, own);
      expect(ledger.points).toBeGreaterThan(0);
    });
  },
);
