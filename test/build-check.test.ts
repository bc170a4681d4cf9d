/** `lade build --check` and `--call`: nothing is built, the findings are those of docker's build checks. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startMachine, type Machine } from './support/lade.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
const stack = new AsyncDisposableStack();
let machine: Machine;
let contexts = 0;

beforeAll(async () => {
  machine = stack.use(await startMachine(scratch));
});

afterAll(async () => {
  await stack.disposeAsync();
  scratch[Symbol.dispose]();
});

const contextOf = (...lines: readonly string[]): string => {
  contexts += 1;
  const path = scratch.join(`context${contexts}`);
  mkdirSync(path);
  writeFileSync(`${path}/Dockerfile`, `${lines.join('\n')}\n`);
  return path;
};

test('prints findings with their lines and ends with 1', async () => {
  const path = contextOf(
    'FROM not.there/at/all AS Base',
    'ENV a b',
    'RUN --mount=type=secret,id=token,required x',
  );
  const { code, stdout } = await machine.tryLade(['build', '--check', path]);
  expect(code).toBe(1);
  expect(stdout).toContain('Check complete, 2 warnings have been found!');
  expect(stdout).toContain("WARNING: StageNameCasing\nStage name 'Base' should be lowercase\nDockerfile:1\n");
  expect(stdout).toMatch(/2 \| >>> ENV a b/u);
  const outline = await machine.lade('build', '--call=outline', path);
  expect(outline.stdout).toMatch(/TARGET: base[^]*SECRET +REQUIRED\ntoken +true/u);
});

test('a clean file ends with 0; JSON is for programs', async () => {
  const path = contextOf(
    '# V is the version',
    'ARG V=1',
    '# last does it all',
    'FROM scratch AS last',
    'LABEL v=$V',
  );
  expect(await machine.tryLade(['build', '--call=check', path])).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("Usage of undefined variable '$V'"),
  });
  const clean = contextOf('FROM scratch AS last', 'LABEL v=1');
  expect(await machine.tryLade(['build', '--check', clean])).toMatchObject({
    code: 0,
    stdout: 'Check complete, no warnings found.\n',
  });
  const { stdout } = await machine.lade('build', '--call=targets,format=json', path);
  expect(JSON.parse(stdout)).toMatchObject({
    kind: 'targets',
    targets: [{ name: 'last', description: 'does it all', isDefault: true, base: 'scratch' }],
  });
});

test('error=true fails a build before its first step', async () => {
  const path = contextOf('# check=error=true', 'FROM scratch', 'MAINTAINER me');
  const failed = await machine.tryLade(['build', '-t', 'checked', path]);
  expect(failed.code).toBe(1);
  expect(failed.stderr).toContain('lint violation found for rules: MaintainerDeprecated');
  expect((await machine.lade('images', '-q')).stdout).toBe('');
});
