/**
 * Power cuts of a registry: what it does while it answers is recorded by strace and replayed onto a disk that keeps only
 * what was synchronised, cut off at many places: files before their names, names before records, records before answers.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { createScratch } from '../support/scratch.ts';
import { cutOf, materialise } from './support/cut.ts';
import { createDisk } from './support/disk.ts';
import { openLedger } from './support/ledger.ts';
import { randomFrom, SCALE, SEED } from './support/plan.ts';
import { loadBase } from './support/recording.ts';
import { REGISTRY_OPERATIONS } from './support/registry-operations.ts';
import { cutFindings, isAnswer, recordRegistry, REGISTRY_MODELLED } from './support/registry-recording.ts';
import { startRegistrySite } from './support/registry-site.ts';
import { bookFindings, databaseFindings, fileFindings } from './support/registry-verify.ts';
import { straceProblem } from './support/strace.ts';
import type { Finding } from './support/verify.ts';

const scratch = createScratch();
afterAll(() => scratch[Symbol.dispose]());

/** Registries started on what a cut left, for each operation. */
const STARTS = SCALE;
/** Ways to lose what was not synchronised, at each cut, beside losing all of it. */
const WAYS = 1 + SCALE;
const KEEPING = { uploadWindow: '0s', uploadIdle: '0s', undoFor: '0s' };

const problem = await straceProblem();

describe.skipIf(problem !== undefined)(
  `power cuts of a registry (${problem ?? 'needs ptrace'})`,
  { concurrent: true },
  () => {
    test.each(REGISTRY_OPERATIONS)('in $name', { timeout: 300_000 * SCALE }, async (operation) => {
      const own = scratch.child(operation.name.replaceAll(' ', '-'));
      const ledger = openLedger(`registry: ${operation.name}`, 'power cut');
      await using site = await startRegistrySite(own, { keeping: KEEPING });
      // A first time makes folders that are there ever after.
      await (await operation.prepare(site)).run();
      const recording = await recordRegistry(site, operation, own.join('base'));
      const { steps } = recording;
      const disk = createDisk(site.root, loadBase(recording.base, REGISTRY_MODELLED));
      const random = randomFrom(SEED);
      const startsAt = new Set(
        Array.from({ length: STARTS }, (_, index) =>
          Math.floor(((index + random()) / STARTS) * steps.length),
        ),
      );
      let answers = 0;
      for (const [index, step] of steps.entries()) {
        disk.apply(step);
        if (isAnswer(step)) answers += 1;
        const start = startsAt.has(index);
        const telling = ['sync-end', 'sync-all', 'rename', 'remove'].includes(step.kind) || isAnswer(step);
        if (!start && !telling) continue;
        for (let way = 0; way <= WAYS; way++) {
          const cut = cutOf(disk, way === 0 ? () => false : () => random() < 0.5);
          const found = cutFindings(recording, { cut, answers }, own.join('records'));
          ledger.replay(`step ${index} of ${steps.length}, way ${way}`, found);
          if (!start || way > 0) continue;
          const again = own.child(`start-${index}`);
          await materialise(cut, recording, again.join('registry'));
          await using restarted = await startRegistrySite(again, { keeping: KEEPING });
          const findings: readonly Finding[] = [
            ...databaseFindings(restarted.root),
            ...fileFindings(restarted.root),
            ...(await bookFindings(restarted)),
          ];
          ledger.point(`start after step ${index}`, findings);
        }
      }
      for (const text of disk.breaches) ledger.replay('order', [{ kind: 'loss', text }]);
      expect(ledger.close()).toEqual([]);
    });
  },
);
