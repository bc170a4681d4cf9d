/** Write-once tags, quotas and the history of tags as the docker command, a real dockerd and skopeo meet them. */
import { existsSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDockerd } from './bench/dockerd.ts';
import { startMachine, startRegistry, type Machine, type RegistryService } from './support/lade.ts';
import { mustRun, run, type Finished } from './support/process.ts';
import { createScratch, type Scratch } from './support/scratch.ts';

const SETTINGS = `
tags:
  writeOnce:
    - { repositories: team/**, tags: v*, except: '*-dev' }
quotas:
  - { repositories: small/**, bytes: 1MiB }
`;

const noDockerd = existsSync('/usr/sbin/dockerd') ? '' : ' (needs docker.io)';
const noSkopeo = existsSync('/usr/bin/skopeo') ? '' : ' (needs skopeo)';

let scratch: Scratch;
let registry: RegistryService;
let machine: Machine;
let stack: AsyncDisposableStack;

const administer = async (...words: readonly string[]): Promise<string> =>
  (await machine.lade('registry', ...words, '--registry', scratch.join('registry', 'registry.sock'))).stdout;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  scratch = createScratch();
  stack.defer(() => scratch[Symbol.dispose]());
  writeFileSync(scratch.join('settings.yaml'), SETTINGS);
  registry = stack.use(
    await startRegistry(scratch.join('registry'), '--config', scratch.join('settings.yaml')),
  );
  machine = stack.use(await startMachine(scratch.child('machine')));
  const script = 'echo one > one; echo two > two; head -c 3000000 /dev/urandom > large';
  await mustRun('sh', ['-ec', script], { cwd: scratch.path });
});
afterAll(() => stack?.[Symbol.asyncDispose]());

type Docker = (args: readonly string[]) => Promise<Finished>;

/** Pushes the three images: the same answers whoever stands behind the docker command. */
const pushes = async (docker: Docker, who: string): Promise<void> => {
  const name = (repository: string): string => `${registry.address}/${repository}`;
  const image = async (content: string, reference: string): Promise<void> => {
    const tar = scratch.join(`${content}.tar`);
    await mustRun('tar', ['-cf', tar, '-C', scratch.path, content]);
    const { code, stderr } = await docker(['import', tar, reference]);
    expect([code, stderr]).toEqual([0, '']);
  };
  const app = name(`team/${who}`);
  await image('one', `${app}:v1`);
  expect((await docker(['push', `${app}:v1`])).code).toBe(0);
  expect((await docker(['push', `${app}:v1`])).code).toBe(0);
  await image('two', `${app}:v1`);
  const refused = await docker(['push', `${app}:v1`]);
  expect(refused.code).toBe(1);
  expect(refused.stderr + refused.stdout).toContain(`tag team/${who}:v1 is write-once and points to sha256:`);
  await docker(['tag', `${app}:v1`, `${app}:v1-dev`]);
  expect((await docker(['push', `${app}:v1-dev`])).code).toBe(0);
  const history = await administer('history', `team/${who}:v1`);
  expect(history.trim().split('\n')).toEqual([
    expect.stringContaining('ENTRY'),
    expect.stringMatching(/-\s+sha256:[0-9a-f]{12}\s+push\s+anonymous/),
  ]);

  const large = name(`small/${who}`);
  await image('large', `${large}:1`);
  const over = await docker(['push', `${large}:1`]);
  expect(over.code).toBe(1);
  expect(over.stderr + over.stdout).toMatch(
    /quota of small\/\*\* exceeded: \d+ of 1048576 bytes are used, \d+ more were asked for/,
  );
  expect(JSON.parse(await administer('quota', `small/${who}`, '--json'))).toMatchObject({
    repositories: 'small/**',
    limit: 1048576,
  });
};

describe('the docker command', () => {
  test('shows what is refused, through Lade', async () => {
    await pushes((args) => machine.tryDocker(args), 'lade');
  });

  test.skipIf(noDockerd !== '')(`shows what is refused, through dockerd${noDockerd}`, async () => {
    await using dockerd = await startDockerd(scratch.child('dockerd'), {
      args: ['--bridge=none', '--iptables=false', '--storage-driver=vfs'],
    });
    const host = dockerd?.host ?? '';
    await pushes((args) => run('docker', ['-H', host, ...args]), 'dockerd');
  });
});

test.skipIf(noSkopeo !== '')(`skopeo is refused, and what it deleted comes back${noSkopeo}`, async () => {
  const at = (name: string): string => `docker://${registry.address}/${name}`;
  const skopeo = (...args: readonly string[]): Promise<Finished> => run('skopeo', args);
  const copy = (from: string, to: string): Promise<Finished> =>
    skopeo('copy', '-q', '--src-tls-verify=false', '--dest-tls-verify=false', at(from), at(to));
  expect((await copy('team/lade:v1', 'team/copy:v1')).code).toBe(0);
  const refused = await copy('team/lade:v1-dev', 'team/copy:v1');
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('denied: tag team/copy:v1')]);
  const kept = await skopeo('delete', '--tls-verify=false', at('team/copy:v1'));
  expect([kept.code, kept.stderr]).toEqual([1, expect.stringContaining('write-once')]);

  await copy('team/lade:v1', 'team/copy:latest');
  await copy('team/lade:v1-dev', 'team/copy:latest');
  const inspect = async (): Promise<string> =>
    (await mustRun('skopeo', ['inspect', '--tls-verify=false', '-f', '{{.Digest}}', at('team/copy:latest')]))
      .stdout;
  const before = await inspect();
  expect(await administer('restore', 'team/copy:latest')).toContain('points to sha256:');
  expect(await inspect()).not.toBe(before);
  await administer('restore', 'team/copy:latest');
  expect(await inspect()).toBe(before);
});

test('history and accounts are whole, and the head of the history is found again', async () => {
  const verified = await administer('verify-history');
  const head = /head ([0-9a-f]{64})/.exec(verified)?.[1] ?? '';
  expect(verified).toContain('whole');
  expect(await administer('verify-history', '--head', head)).toContain('the noted hash is that of entry');
  expect(await administer('du', '--verify')).toContain('all figures are right');
  const { tags, repository } = JSON.parse(await administer('du', 'team/lade', '--json')) as {
    tags: readonly { tag: string; total: number; unique: number; shared: number }[];
    repository: { total: number };
  };
  expect(tags.map(({ tag }) => tag)).toEqual(['v1', 'v1-dev']);
  for (const { total, unique, shared } of tags) expect(total).toBe(unique + shared);
  expect(repository.total).toBeGreaterThan(0);
});
