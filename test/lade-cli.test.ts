/** The main job with Lade's own command line, and how it finds or starts its daemon. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  busyboxArchive,
  LADE,
  startMachine,
  startRegistry,
  type Machine,
  type RegistryService,
} from './support/lade.ts';
import { mustRun, run } from './support/process.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
let machine: Machine;
let registry: RegistryService;
const lade = async (...args: string[]): Promise<string> => (await machine.lade(...args)).stdout.trim();

beforeAll(async () => {
  machine = await startMachine(scratch);
  registry = await startRegistry(scratch.join('registry'));
  await lade('import', await busyboxArchive(scratch), 'test/busybox');
});

afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  await machine?.[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

test('build, push, forget, run, look at it, commit, take it down', async () => {
  const image = `${registry.address}/shop/web:1.0`;
  const context = scratch.join('context');
  mkdirSync(context);
  writeFileSync(
    `${context}/Dockerfile`,
    'FROM test/busybox\nCOPY a /a\nRUN cat /a > /b\nCMD ["sleep", "60"]\n',
  );
  writeFileSync(`${context}/a`, 'first');
  await lade('build', '-t', image, context);
  expect(await lade('build', '--explain', '--progress=plain', '-t', image, context)).toBe('');
  const cached = (await machine.lade('build', '--progress=plain', '-t', image, context)).stderr;
  expect(cached.match(/CACHED/g)).toHaveLength(2);
  writeFileSync(`${context}/a`, 'second');
  const explained = (await machine.lade('build', '--explain', '--progress=plain', '-t', image, context))
    .stderr;
  expect(explained).toContain('why: a has other content');
  expect(explained).toContain('why: an earlier step was built anew: COPY a /a');

  expect(await lade('push', image)).toMatch(/digest: sha256:[0-9a-f]{64}/);
  expect(await lade('rmi', image)).toContain(`Untagged: ${image}`);
  const id = (await lade('run', '-d', '--name', 'web', image)).split('\n').at(-1);
  expect(await lade('ps', '-q', '--no-trunc')).toBe(id);
  expect(await lade('ps', '-s')).toContain('virtual');
  expect(await lade('exec', 'web', 'cat', '/b')).toBe('second');
  await lade('exec', 'web', 'sh', '-c', 'echo third > /c');
  expect(await lade('diff', 'web')).toContain('A /c');
  await lade('commit', 'web', 'shop:next');
  expect(await lade('run', '--rm', 'shop:next', 'cat', '/c')).toBe('third');
  expect(await lade('history', image)).toContain('CMD ["sleep" "60"]');
  await lade('stop', '-t', '1', 'web');
  await lade('rm', 'web');
  await lade('rmi', image, 'shop:next');
  expect(await lade('ps', '-aq')).toBe('');
});

describe('exit codes', () => {
  test.each([
    ['the container’s own', ['run', '--rm', 'test/busybox', 'sh', '-c', 'exit 42'], 42],
    ['127 for a missing command', ['run', '--rm', 'test/busybox', 'no-such-command'], 127],
    ['126 for one that cannot be executed', ['run', '--rm', 'test/busybox', '/etc/passwd'], 126],
    [
      '125 where the run itself fails',
      ['run', '--rm', '--network', 'no-such-network', 'test/busybox', 'true'],
      125,
    ],
    ['1 for an unknown image', ['inspect', 'no/such:image'], 1],
  ])('%s', async (_what, args, code) => {
    expect((await machine.tryLade(args)).code).toBe(code);
  });
});

test('a second daemon on the same root is refused, and says who has it', async () => {
  const second = await run(LADE, [
    'daemon',
    '--host',
    `unix://${scratch.join('e.sock')}`,
    '--root',
    machine.root,
  ]);
  expect(second.code).toBe(1);
  expect(second.stderr).toContain(`process ${machine.daemon.child.pid}`);
});

test('a root of a newer layout is refused with a sentence', async () => {
  const root = scratch.join('newer');
  mkdirSync(root);
  writeFileSync(`${root}/version`, '999\n');
  const result = await run(LADE, ['daemon', '--host', `unix://${scratch.join('f.sock')}`, '--root', root]);
  expect(result.code).toBe(1);
  expect(result.stderr).toMatch(/newer/);
});

test('a named host that does not answer is an error, and nothing is started', async () => {
  const result = await run(LADE, ['--host', `unix://${scratch.join('nobody.sock')}`, 'ps']);
  expect(result.code).toBe(1);
  expect(result.stderr).toContain('nobody.sock');
});

test('root without a daemon gets one, and is told so', async () => {
  const home = scratch.join('host');
  mkdirSync(home);
  // In a mount namespace of its own, the default paths are the test's.
  const script = `
    set -e; mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /var/log; mount --bind ${home} /var/lib
    ${LADE} ps; ${LADE} info --format '{{.DockerRootDir}}'; kill "$(cat /var/lib/lade/lock)"
    while kill -0 "$(cat /var/lib/lade/lock)" 2>/dev/null; do sleep 0.1; done`;
  const { LADE_HOST: _lade, DOCKER_HOST: _docker, LADE_ROOT: _root, ...env } = process.env;
  const { stdout, stderr } = await mustRun(
    'unshare',
    ['-m', '--propagation', 'private', 'sh', '-c', script],
    { env },
  );
  expect(stderr).toContain('starting one');
  expect(stderr.match(/starting one/g)).toHaveLength(1);
  expect(stdout).toContain('/var/lib/lade');
});
