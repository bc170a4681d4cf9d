/**
 * `npm test`: format, lint, types, house, dead code, documentation, unit and end-to-end tests, then one line
 * `N passed, N failed, N skipped`. With `--quick` (`npm run check`) the end-to-end tests are left out; with `--faults`
 * (`npm run faults`) only the fault suite runs, with more points, chosen by chance.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { faultLines } from './fault-count.ts';
import type { TestCount } from './test-reporter.ts';

interface Stage {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Counted test by test instead of as one check. */
  readonly tests?: true;
}

const project = join(import.meta.dirname, '..');
const quick = process.argv.includes('--quick');
const faults = process.argv.includes('--faults');
/** `LADE_FAULTS_SEED=n npm run faults` meets the same points again. */
const seed = process.env['LADE_FAULTS_SEED'] ?? String(Math.floor(Math.random() * 1e9));
const scratch = mkdtempSync(join(tmpdir(), 'lade-tests-'));

const faultFile = join(scratch, 'faults.jsonl');

const vitest = (...paths: string[]): Stage['command'] => [
  'vitest',
  'run',
  '--reporter=default',
  `--reporter=${join(project, 'tools', 'test-reporter.ts')}`,
  ...paths,
];

const CHECKS: readonly Stage[] = [
  { name: 'format', command: ['oxfmt', '--check', '.'] },
  { name: 'lint', command: ['oxlint', '--type-aware', '--deny-warnings'] },
  { name: 'types', command: ['tsc'] },
  { name: 'house', command: ['node', 'tools/check-house.ts'] },
  { name: 'dead code', command: ['knip'] },
  { name: 'documentation', command: ['node', 'tools/check-docs.ts'] },
  { name: 'unit tests', command: vitest('--project', 'unit'), tests: true },
];

const END_TO_END: readonly Stage[] = [
  { name: 'build', command: ['node', 'tools/build.ts', '--if-stale'] },
  { name: 'end-to-end tests', command: vitest('--project', 'end-to-end'), tests: true },
];

const FAULTS: readonly Stage[] = [
  { name: 'build', command: ['node', 'tools/build.ts', '--if-stale'] },
  {
    name: `fault suite (seed ${seed})`,
    command: vitest('--project', 'end-to-end', 'test/faults/'),
    tests: true,
  },
];

const NOTHING: TestCount = { passed: 0, failed: 0, skipped: [] };

const runStage = (stage: Stage): TestCount => {
  console.log(`\n== ${stage.name}`);
  const started = performance.now();
  const file = join(scratch, 'result.json');
  rmSync(file, { force: true });
  const [program, ...args] = stage.command;
  const { status } = spawnSync(program, args, {
    cwd: project,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      ...(faults
        ? { LADE_FAULTS_SEED: seed, LADE_FAULTS_SCALE: process.env['LADE_FAULTS_SCALE'] ?? '5' }
        : {}),
      LADE_TEST_RESULT: file,
      LADE_FAULTS_RESULT: faultFile,
      FORCE_COLOR: '0',
      NO_COLOR: '1',
    },
  });
  console.log(
    `== ${stage.name}: exit ${status} after ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
  if (stage.tests === undefined)
    return { ...NOTHING, passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1 };
  if (!existsSync(file)) return { ...NOTHING, failed: 1 };
  const counted = JSON.parse(readFileSync(file, 'utf8')) as TestCount;
  return status !== 0 && counted.failed === 0 ? { ...counted, failed: 1 } : counted;
};

const stages = faults ? FAULTS : [...CHECKS, ...(quick ? [] : END_TO_END)];
const counts = stages.map(runStage);
const faultCount = faultLines(faultFile);
rmSync(scratch, { recursive: true });

const skipped = counts.flatMap((count) => count.skipped);
for (const { name, why } of skipped) console.log(`skipped: ${name}: ${why ?? 'NO REASON GIVEN'}`);
const unexplained = skipped.filter(({ why }) => why === undefined || why === '').length;
const failed = counts.reduce((sum, count) => sum + count.failed, unexplained);
const passed = counts.reduce((sum, count) => sum + count.passed, 0);
for (const line of faultCount) console.log(line);
console.log(`\n${passed} passed, ${failed} failed, ${skipped.length} skipped`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
