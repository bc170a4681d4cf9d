/** `npm pack` gives a package that installs elsewhere and works there, as a program and as a library. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { project } from './support/lade.ts';
import { mustRun, startService } from './support/process.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
const prefix = scratch.join('prefix');
const packed = (): string => join(prefix, 'lib', 'node_modules', 'lade');

beforeAll(async () => {
  const { stdout } = await mustRun(
    'npm',
    ['pack', '--ignore-scripts', '--json', '--pack-destination', scratch.path],
    { cwd: project },
  );
  const [file] = JSON.parse(stdout) as { filename: string }[];
  if (file === undefined) throw new Error(`npm pack said: ${stdout}`);
  await mustRun(
    'npm',
    ['install', '--global', '--prefix', prefix, '--loglevel=error', scratch.join(file.filename)],
    {
      timeoutMs: 300_000,
    },
  );
}, 400_000);

afterAll(() => scratch[Symbol.dispose]());

test('the installed command answers, and its daemon starts', async () => {
  const lade = join(prefix, 'bin', 'lade');
  expect((await mustRun(lade, ['--version'])).stdout).toMatch(/\d+\.\d+\.\d+/);
  await using daemon = await startService(lade, [
    'daemon',
    '--host',
    `unix://${scratch.join('d.sock')}`,
    '--root',
    scratch.join('root'),
  ]);
  expect(daemon.readyLine).toContain('listening');
  const { stdout } = await mustRun(lade, [
    '--host',
    `unix://${scratch.join('d.sock')}`,
    'version',
    '--format',
    '{{.Server.APIVersion}}',
  ]);
  expect(stdout.trim()).toBe('1.51');
});

test('the systemd unit is in the package', () => {
  expect(readFileSync(join(packed(), 'docs', 'lade.service'), 'utf8')).toContain('ExecStart=');
});

test('every room that package.json offers can be imported', async () => {
  const home = scratch.join('importer');
  mkdirSync(join(home, 'node_modules'), { recursive: true });
  await mustRun('ln', ['-s', packed(), join(home, 'node_modules', 'lade')]);
  const { exports } = JSON.parse(readFileSync(join(packed(), 'package.json'), 'utf8')) as { exports: object };
  const rooms = Object.keys(exports).filter((name) => !name.endsWith('.json'));
  expect(rooms.length).toBeGreaterThan(5);
  const script = rooms.map(
    (name) => `console.log(Object.keys(await import('lade/${name.slice(2)}')).length);`,
  );
  const { stdout } = await mustRun(process.execPath, ['--input-type=module', '-e', script.join('')], {
    cwd: home,
  });
  expect(
    stdout
      .trim()
      .split('\n')
      .map(Number)
      .filter((names) => names > 0),
  ).toHaveLength(rooms.length);
});

test('the README’s library program runs as it is printed, and type-checks', async () => {
  const readme = readFileSync(join(project, 'README.md'), 'utf8');
  const program = /```ts\n([\s\S]*?)```/.exec(readme)?.[1];
  if (program === undefined) throw new Error('README.md shows no TypeScript program');
  const home = scratch.join('consumer');
  mkdirSync(join(home, 'node_modules'), { recursive: true });
  await mustRun('ln', ['-s', packed(), join(home, 'node_modules', 'lade')]);
  writeFileSync(join(home, 'package.json'), '{"type":"module"}');
  writeFileSync(join(home, 'program.ts'), program);
  writeFileSync(join(home, 'Dockerfile'), 'FROM scratch\nCOPY . /\nCMD ["/app"]\n');
  const { stdout } = await mustRun(process.execPath, ['program.ts'], { cwd: home });
  expect(stdout).toContain('COPY');
  const tsc = join(project, 'node_modules', '.bin', 'tsc');
  const flags = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--types',
    'node',
    '--typeRoots',
    join(project, 'node_modules', '@types'),
  ];
  await mustRun(tsc, [...flags, 'program.ts'], { cwd: home });
}, 120_000);
