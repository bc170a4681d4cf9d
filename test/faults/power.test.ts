/**
 * Power cuts: each operation is recorded by strace and replayed onto a disk that keeps only what was synchronised, cut
 * off at many places. The database is opened at all of them, the daemon at some.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { startMachine } from '../support/lade.ts';
import { createScratch, type Scratch } from '../support/scratch.ts';
import { callDaemon, mustCall } from './support/api.ts';
import { cutOf, materialise, recordsOf, type Cut, type Records } from './support/cut.ts';
import { createDisk } from './support/disk.ts';
import { openLedger } from './support/ledger.ts';
import { OPERATIONS } from './support/operations.ts';
import { randomFrom, SCALE, SEED } from './support/plan.ts';
import { retryFindings } from './support/point.ts';
import { loadBase, record, type Recording } from './support/recording.ts';
import { startSite, type Site } from './support/site.ts';
import { straceProblem } from './support/strace.ts';
import type { Finding } from './support/verify.ts';

const scratch = createScratch();
afterAll(() => scratch[Symbol.dispose]());

/** Daemons started on what a cut left, for each operation. */
const STARTS = 3 * SCALE;
/** Ways to lose what was not synchronised, at each cut, beside losing all of it. */
const WAYS = 1 + SCALE;

const canonical = (tag: string): string => (/^[^/]*[.:][^/]*\//.test(tag) ? tag : `docker.io/${tag}`);

const lost = (text: string): Finding => ({ kind: 'loss', text });

/** What the records must say after a cut; once it was answered, the operation is done. */
const recordFindings = (
  site: Site,
  { attempt }: Recording,
  records: Records,
  answered: boolean,
): readonly Finding[] => [
  ...records.broken.map(lost),
  ...[...site.committed]
    .filter(([tag, id]) => records.references.get(canonical(tag)) !== id)
    .map(([tag]) => lost(`${tag} is gone`)),
  ...[...attempt.makes.keys()]
    .filter((tag) => answered && !records.references.has(canonical(tag)))
    .map((tag) => lost(`${tag} was answered and is gone`)),
  ...attempt.removes
    .filter((tag) => answered && records.references.has(canonical(tag)))
    .map((tag) => lost(`${tag} was removed and is back`)),
  ...attempt.deletes
    .filter((id) => answered && records.images.has(id))
    .map((id) => lost(`${id} was removed and is back`)),
];

/** Starts a daemon on the cut root, looks, and runs the operation again. */
const startFindings = async (
  own: Scratch,
  site: Site,
  recording: Recording,
  cut: Cut,
): Promise<readonly Finding[]> => {
  const root = own.join('root');
  await materialise(cut, recording, root);
  await using machine = await startMachine(own, { root });
  const after: Site = {
    ...site,
    machine,
    committed: new Map(site.committed),
    call: (call) => callDaemon(machine.socket, call),
    must: (call) => mustCall(machine.socket, call),
  };
  try {
    return await retryFindings(after, recording.attempt);
  } catch (error) {
    return [{ kind: 'flaw', text: `${String(error)}\n${machine.daemon.stderr()}` }];
  }
};

const problem = await straceProblem();

describe.skipIf(problem !== undefined)(
  `power cuts (${problem ?? 'needs ptrace'})`,
  { concurrent: true },
  () => {
    test.each(OPERATIONS)('in $name', { timeout: 300_000 * SCALE }, async (operation) => {
      const own = scratch.child(operation.name);
      const ledger = openLedger(operation.name, 'power cut');
      await using site = await startSite(own);
      const recording = await record(site, operation, own.join('base'));
      const disk = createDisk(site.machine.root, loadBase(recording.base));
      const random = randomFrom(SEED);
      const { steps, answeredAt } = recording;
      const startsAt = new Set(
        Array.from({ length: STARTS }, (_, index) => Math.floor(((index + random()) / STARTS) * answeredAt)),
      );
      for (const [index, step] of steps.entries()) {
        disk.apply(step);
        const answered = index >= answeredAt;
        const start = startsAt.has(index);
        if (!start && !['sync-end', 'rename'].includes(step.kind) && index !== answeredAt) continue;
        for (let way = 0; way <= WAYS; way++) {
          const cut = cutOf(disk, way === 0 ? () => false : () => random() < 0.5);
          const records = recordsOf(cut, own.join('records'));
          const findings = recordFindings(site, recording, records, answered);
          ledger.replay(`step ${index} of ${steps.length}, way ${way}`, findings);
          if (start && way === 0)
            ledger.point(
              `start after step ${index}`,
              await startFindings(own.child(`start-${index}`), site, recording, cut),
            );
        }
      }
      for (const text of disk.breaches) ledger.replay('order', [lost(text)]);
      expect(ledger.close()).toEqual([]);
    });
  },
);
