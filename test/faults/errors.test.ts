/** Input/output errors and a full disk, told by the kernel at chosen system calls of each operation. */
import { afterAll, describe, expect, test } from 'vitest';
import { createScratch } from '../support/scratch.ts';
import { openLedger } from './support/ledger.ts';
import { OPERATIONS } from './support/operations.ts';
import { choose, randomFrom, SCALE, SEED, spectrumOf } from './support/plan.ts';
import { injectedPoint } from './support/point.ts';
import { startSite } from './support/site.ts';
import { straceProblem } from './support/strace.ts';

const scratch = createScratch();
afterAll(() => scratch[Symbol.dispose]());

/** Calls that only files get: an error to a write would also meet the pipes by which threads wake each other. */
const CALLS = {
  EIO: ['fsync', 'fdatasync', 'pwrite64', 'rename', 'mkdir', 'ftruncate'],
  ENOSPC: ['pwrite64', 'mkdir', 'rename', 'fsync'],
} as const;

const POINTS = 6 * SCALE;

const problem = await straceProblem();

const runs = (['EIO', 'ENOSPC'] as const).flatMap((error) =>
  (['once', 'from then on'] as const).flatMap((how) =>
    OPERATIONS.map((operation) => ({ error, how, operation, name: operation.name })),
  ),
);

describe.skipIf(problem !== undefined)(
  `errors of system calls (${problem ?? 'needs ptrace'})`,
  { concurrent: true },
  () => {
    test.each(runs)(
      '$error $how in $name',
      { timeout: 300_000 * SCALE },
      async ({ error, how, operation }) => {
        const ledger = openLedger(operation.name, `${error} ${how}`);
        await using site = await startSite(scratch.child(`${operation.name}-${error}-${how.length}`));
        const spectrum = await spectrumOf(site, operation, CALLS[error]);
        for (const { call, when } of choose(spectrum, POINTS, randomFrom(SEED))) {
          const attempt = await operation.prepare(site);
          const injection = {
            call,
            when: how === 'once' ? String(when) : `${when}+`,
            fault: `error=${error}`,
          } as const;
          const { met, findings } = await injectedPoint(site, attempt, injection);
          if (met || findings.length > 0) ledger.point(`${error} at ${call} ${when} ${how}`, findings);
        }
        expect(ledger.close()).toEqual([]);
      },
    );
  },
);
