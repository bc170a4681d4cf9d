/** SIGKILL of a registry while it brings tables of the first version forward. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LADE } from '../support/lade.ts';
import { mustRun, startService } from '../support/process.ts';
import { createScratch } from '../support/scratch.ts';
import type { State } from './support/facts.ts';
import { openLedger } from './support/ledger.ts';
import { makeOldRegistry } from './support/old-registry.ts';
import { choose, randomFrom, SCALE, SEED, spectrumIn, type Spectrum } from './support/plan.ts';
import { startRegistrySite } from './support/registry-site.ts';
import { bookFindings, databaseFindings, factFindings } from './support/registry-verify.ts';
import { injectionArgs, straceProblem } from './support/strace.ts';

const scratch = createScratch();
afterAll(() => scratch[Symbol.dispose]());

const CALLS = ['pwrite64', 'fsync', 'fdatasync', 'ftruncate', 'unlink', 'rename', 'mkdir'];
const POINTS = 10 * SCALE;

/** One thread for files: each number names one point in time. */
const env = { ...process.env, UV_THREADPOOL_SIZE: '1' };

const problem = await straceProblem();

/** A registry that strace watches from its start; the process is the registry itself. */
const serveIn = (root: string, tracing: readonly string[]): readonly string[] => {
  const serve = [LADE, 'registry', 'serve', '--listen', '127.0.0.1:0', '--log-level', 'error'];
  return ['-D', '-f', ...tracing, ...serve, '--root', root];
};

describe.skipIf(problem !== undefined)(`migration of a registry (${problem ?? 'needs ptrace'})`, () => {
  let old: string;
  let facts: ReadonlyMap<string, State>;
  let spectrum: Spectrum;
  beforeAll(async () => {
    old = scratch.join('old');
    facts = makeOldRegistry(old, 25);
    const root = scratch.join('counted');
    await mustRun('cp', ['-a', old, root]);
    const file = scratch.join('calls');
    await using service = await startService(
      'strace',
      serveIn(root, ['-o', file, '-e', `trace=${CALLS.join(',')}`]),
      env,
    );
    // What comes when it ends well is none of it.
    await service.kill('SIGKILL');
    spectrum = spectrumIn(file);
  });

  test('killed at any call, begins again and loses nothing', { timeout: 300_000 * SCALE }, async () => {
    const ledger = openLedger('registry: migration', 'kill');
    for (const [index, { call, when }] of choose(spectrum, POINTS, randomFrom(SEED)).entries()) {
      const own = scratch.child(`point-${index}`);
      const root = own.join('registry');
      await mustRun('cp', ['-a', old, root]);
      const injection = { call, when: String(when), fault: 'signal=KILL' } as const;
      const killed = await startService('strace', serveIn(root, injectionArgs(injection)), env).then(
        (service) => service.kill('SIGKILL').then(() => false),
        () => true,
      );
      await using site = await startRegistrySite(own, { root });
      for (const [path, state] of facts) site.facts.done(path, state);
      const findings = [
        ...(await factFindings(site, facts.keys())),
        ...databaseFindings(root),
        ...(await bookFindings(site)),
      ];
      // Calls that only come when it ends were not met.
      if (killed || findings.length > 0) ledger.point(`${call} ${when}`, findings);
    }
    expect(ledger.close()).toEqual([]);
    expect(ledger.points).toBeGreaterThan(0);
  });

  test('accounts for what was there before, in its history too', async () => {
    const own = scratch.child('whole');
    await mustRun('cp', ['-a', old, own.join('registry')]);
    await using site = await startRegistrySite(own);
    const { body } = await site.local.must({ path: '/lade/v1/registry/usage' });
    const usage = JSON.parse(body.toString()) as { registry: { repositories: number; total: number } };
    expect(usage.registry.repositories).toBe(25);
    const contents = new Set([...facts].map(([, state]) => state));
    expect(contents.size).toBe(26 * 3);
    const history = await site.local.must({ path: '/lade/v1/registry/tag-history?limit=1000' });
    expect((JSON.parse(history.body.toString()) as { moves: unknown[] }).moves).toHaveLength(50);
    expect(readFileSync(own.join('registry', 'version')).toString()).toBe('1\n');
  });
});
