/** SIGKILL of a registry at chosen system calls of what clients ask of it. */
import { once } from 'node:events';
import { afterAll, describe, expect, test } from 'vitest';
import { createScratch } from '../support/scratch.ts';
import { openLedger } from './support/ledger.ts';
import { choose, countCalls, randomFrom, SCALE, SEED } from './support/plan.ts';
import { REGISTRY_OPERATIONS } from './support/registry-operations.ts';
import { startRegistrySite } from './support/registry-site.ts';
import { bookFindings, factFindings, fileFindings, retriedFindings } from './support/registry-verify.ts';
import { attach, injectionArgs, straceProblem } from './support/strace.ts';

const scratch = createScratch();
afterAll(() => scratch[Symbol.dispose]());

/** Each is met before it has its effect; between two of them nothing on disk changes. */
const CALLS = ['fsync', 'fdatasync', 'rename', 'unlink', 'mkdir', 'openat', 'pwrite64', 'write', 'writev'];

const POINTS = 14 * SCALE;

/** Nothing that nobody uses is protected, and nothing that was removed is kept, so that a collection has work. */
const KEEPING = { uploadWindow: '0s', uploadIdle: '0s', undoFor: '0s' };
const DEATH_MS = 1000;

const problem = await straceProblem();

describe.skipIf(problem !== undefined)(
  `kill -9 of a registry at a system call (${problem ?? 'needs ptrace'})`,
  { concurrent: true },
  () => {
    test.each(REGISTRY_OPERATIONS)('in $name', { timeout: 300_000 * SCALE }, async (operation) => {
      const ledger = openLedger(`registry: ${operation.name}`, 'kill');
      const own = scratch.child(operation.name.replaceAll(' ', '-'));
      // One thread for files: each number names one point in time.
      await using site = await startRegistrySite(own, { env: { UV_THREADPOOL_SIZE: '1' }, keeping: KEEPING });
      const pid = (): number => site.service.child.pid ?? 0;
      const first = await operation.prepare(site);
      const counted = { pid: pid(), file: own.join('calls'), calls: CALLS };
      const spectrum = await countCalls(counted, () => first.run());
      for (const { call, when } of choose(spectrum, POINTS, randomFrom(SEED))) {
        const attempt = await operation.prepare(site);
        const injection = { call, when: String(when), fault: 'signal=KILL' } as const;
        const tracing = await attach(pid(), injectionArgs(injection));
        const answered = await attempt.run().then(
          () => true,
          () => false,
        );
        const { child } = site.service;
        if (!answered && !site.ended())
          await once(child, 'exit', { signal: AbortSignal.timeout(DEATH_MS) }).catch(() => undefined);
        await tracing.detach();
        const met = site.ended();
        if (met) await site.restart();
        const findings = await retriedFindings(site, attempt);
        if (met || findings.length > 0) ledger.point(`${call} ${when}`, findings);
      }
      ledger.note('at the end', [
        ...(await factFindings(site, site.facts.paths())),
        ...fileFindings(site.root),
        ...(await bookFindings(site)),
      ]);
      expect(ledger.close()).toEqual([]);
      expect(ledger.points).toBeGreaterThan(0);
    });
  },
);
