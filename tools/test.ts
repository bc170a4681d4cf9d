/**
 * `npm test`: format, lint, types, house, dead code, documentation, unit and end-to-end tests, then one line
 * `N passed, N failed, N skipped`. With `--quick` (`npm run check`) the end-to-end tests are left out.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestCount } from './test-reporter.ts';

interface Stage {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Counted test by test instead of as one check. */
  readonly tests?: true;
}

const project = join(import.meta.dirname, '..');
const quick = process.argv.includes('--quick');
const scratch = mkdtempSync(join(tmpdir(), 'lade-tests-'));

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
    env: { ...process.env, LADE_TEST_RESULT: file, FORCE_COLOR: '0', NO_COLOR: '1' },
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

const counts = [...CHECKS, ...(quick ? [] : END_TO_END)].map(runStage);
rmSync(scratch, { recursive: true });

const skipped = counts.flatMap((count) => count.skipped);
for (const { name, why } of skipped) console.log(`skipped: ${name}: ${why ?? 'NO REASON GIVEN'}`);
const unexplained = skipped.filter(({ why }) => why === undefined || why === '').length;
const failed = counts.reduce((sum, count) => sum + count.failed, unexplained);
const passed = counts.reduce((sum, count) => sum + count.passed, 0);
console.log(`\n${passed} passed, ${failed} failed, ${skipped.length} skipped`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
