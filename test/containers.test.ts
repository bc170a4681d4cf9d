/** Containers by the unmodified docker CLI: what goes wrong, what races, and what is left when the daemon is killed. */
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busyboxArchive, startMachine, type Machine } from './support/lade.ts';
import { run } from './support/process.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
let machine: Machine;
const out = async (...args: string[]): Promise<string> => (await machine.docker(...args)).stdout.trim();
const attempt = (...args: string[]) => machine.tryDocker(args, { timeoutMs: 30_000 });
const LOOP = ['sh', '-c', 'trap "exit 3" TERM; while :; do sleep 0.05; done'];

beforeAll(async () => {
  machine = await startMachine(scratch);
  await machine.docker('import', await busyboxArchive(scratch), 'bb');
});

afterAll(async () => {
  await machine?.[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

/** What containers of this root hold of the machine. */
const held = (): Readonly<Record<string, readonly string[]>> => {
  const entries = (...path: string[]): readonly string[] =>
    existsSync(scratch.join(...path)) ? readdirSync(scratch.join(...path)) : [];
  return {
    mounts: readFileSync('/proc/self/mounts')
      .toString()
      .split('\n')
      .filter((line) => line.includes(scratch.join('root', 'snapshots'))),
    snapshots: entries('root', 'snapshots'),
    containers: entries('root', 'containers'),
    namespaces: entries('root', 'netns'),
    volumes: entries('root', 'volumes'),
  };
};

const NOTHING = { mounts: [], snapshots: [], containers: [], namespaces: [], volumes: [] };

describe('errors in docker’s words and with its exit codes', () => {
  test('a network that is not there is found missing at the start, not taken for a missing image', async () => {
    expect(await attempt('create', '--network', 'nonet', '--name', 'lost', 'bb', 'true')).toMatchObject({
      code: 0,
    });
    const started = await attempt('start', 'lost');
    expect(started).toMatchObject({ code: 1, stderr: expect.stringContaining('network nonet not found') });
    await machine.docker('rm', 'lost');
    const shared = await attempt('run', '--network', 'container:nobody', 'bb', 'true');
    expect(shared.code).toBe(125);
    expect(shared.stderr).toContain('No such container: nobody');
    expect(shared.stderr).not.toContain('Unable to find image');
  });

  test('an exec that cannot begin says why and ends with 126 or 127', async () => {
    await machine.docker('run', '-d', '--name', 'host', 'bb', ...LOOP);
    expect(await attempt('exec', 'host', 'nosuch')).toMatchObject({
      code: 127,
      stdout: expect.stringContaining('executable file not found'),
    });
    expect(await attempt('exec', 'host', '/etc')).toMatchObject({ code: 126 });
    expect(await attempt('exec', '-u', 'nobodyx', 'host', 'id')).toMatchObject({
      code: 126,
      stdout: expect.stringContaining('unable to find user nobodyx'),
    });
    await machine.docker('rm', '-f', 'host');
  });
});

test('update changes limits and the restart policy of a running container', async () => {
  await machine.docker('run', '-d', '--name', 'limited', 'bb', ...LOOP);
  await machine.docker('update', '--pids-limit', '50', '--restart', 'on-failure:3', 'limited');
  expect(
    await out('inspect', '-f', '{{.HostConfig.PidsLimit}} {{.HostConfig.RestartPolicy.Name}}', 'limited'),
  ).toBe('50 on-failure');
  await machine.docker('rm', '-f', 'limited');
});

test('a network that is joined while running brings its names', async () => {
  await machine.docker('network', 'create', 'joined');
  await machine.docker('run', '-d', '--name', 'first', '--network', 'joined', 'bb', ...LOOP);
  await machine.docker('run', '-d', '--name', 'second', 'bb', ...LOOP);
  await machine.docker('network', 'connect', 'joined', 'second');
  expect(await out('exec', 'second', 'cat', '/etc/resolv.conf')).toContain('nameserver 127.0.0.11');
  expect(await out('exec', 'second', 'ping', '-c', '1', '-W', '2', 'first')).toContain('1 packets received');
  await machine.docker('network', 'disconnect', 'joined', 'second');
  expect(await out('exec', 'second', 'cat', '/etc/resolv.conf')).not.toContain('127.0.0.11');
  await machine.docker('rm', '-f', 'first', 'second');
  await machine.docker('network', 'rm', 'joined');
});

test('cp follows a link that ends in a slash, and none out of the container', async () => {
  await machine.docker(
    'run',
    '-d',
    '--name',
    'linked',
    'bb',
    'sh',
    '-c',
    'mkdir -p /t/d; echo in > /t/d/x; ln -s d /t/ld; ln -s /../../../../../../../../../tmp /t/out; sleep 100',
  );
  mkdirSync(scratch.join('taken'));
  await machine.docker('cp', 'linked:/t/ld/.', scratch.join('taken'));
  expect(readFileSync(scratch.join('taken', 'x'), 'utf8')).toBe('in\n');
  const name = `lade-escape-${process.pid}`;
  writeFileSync(scratch.join(name), 'mine\n');
  symlinkSync('/etc/passwd', scratch.join('link'));
  await machine.docker('cp', scratch.join(name), `linked:/t/out/${name}`);
  expect(existsSync(`/tmp/${name}`)).toBe(false);
  expect(await out('exec', 'linked', 'cat', `/tmp/${name}`)).toBe('mine');
  await machine.docker('cp', scratch.join('link'), 'linked:/t/link');
  expect(await out('exec', 'linked', 'readlink', '/t/link')).toBe('/etc/passwd');
  await machine.docker('rm', '-f', 'linked');
});

test('commit works when the image’s names are gone, and ps then shows its ID', async () => {
  await machine.docker('tag', 'bb', 'passing');
  await machine.docker('run', '-d', '--name', 'orphan', 'passing', 'sh', '-c', 'echo 1 > /one; sleep 100');
  await machine.docker('rmi', '-f', 'passing');
  expect(await out('ps', '--filter', 'name=orphan', '--no-trunc', '--format', '{{.Image}}')).toMatch(
    /^sha256:/,
  );
  await machine.docker('commit', 'orphan', 'kept');
  expect(await out('run', '--rm', 'kept', 'cat', '/one')).toBe('1');
  await machine.docker('rm', '-f', 'orphan');
  await machine.docker('rmi', 'kept');
});

test('everything at once: each call ends, and nothing is left', async () => {
  const parallel = await Promise.all(
    Array.from({ length: 12 }, (_, index) => attempt('run', '--rm', 'bb', 'echo', String(index))),
  );
  expect(parallel.map(({ stdout }) => stdout)).toEqual(parallel.map((_, index) => `${index}\n`));
  await machine.docker('run', '-d', '--name', 'torn', '-v', '/anon', '-p', '0:80', 'bb', ...LOOP);
  const calls = [['stop', '-t', '1'], ['kill'], ['pause'], ['restart', '-t', '0'], ['rm', '-f', '-v']];
  const ended = await Promise.all(calls.map(([verb = '', ...args]) => attempt(verb, ...args, 'torn')));
  expect(ended.map(({ code }) => code)).not.toContain(null);
  await attempt('rm', '-f', '-v', 'torn');
  expect(held()).toEqual(NOTHING);
});

describe('a killed daemon', () => {
  test('in the middle of start, stop and rm leaves nothing that a later rm does not take', async () => {
    for (const ms of [60, 180, 320, 500]) {
      const name = `cut-${ms}`;
      const life = async (): Promise<void> => {
        await attempt('run', '-d', '--name', name, '-p', '0:80', '-v', '/anon', 'bb', ...LOOP);
        await attempt('stop', '-t', '0', name);
        await attempt('start', name);
        await attempt('rm', '-f', '-v', name);
      };
      const cut = async (): Promise<void> => {
        await sleep(ms);
        await machine.restart('SIGKILL');
      };
      await Promise.all([life(), cut()]);
    }
    const left = (await out('ps', '-aq')).split('\n').filter(Boolean);
    if (left.length > 0) await machine.docker('rm', '-f', '-v', ...left);
    expect(held()).toEqual(NOTHING);
  });

  test('ends its clients; the container goes on, with its log, and its execs leave nothing', async () => {
    await machine.docker(
      'run',
      '-d',
      '--name',
      'goes-on',
      'bb',
      'sh',
      '-c',
      'i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done',
    );
    const clients = [
      ['attach', 'goes-on'],
      ['logs', '-f', 'goes-on'],
      ['wait', 'goes-on'],
      ['exec', 'goes-on', 'sleep', '2'],
    ];
    const ended = Promise.all(clients.map((args) => attempt(...args)));
    await sleep(600);
    await machine.restart('SIGKILL');
    expect((await ended).map(({ code }) => code === 0)).toEqual([false, false, false, false]);
    await sleep(300);
    const lines = (await out('logs', 'goes-on')).split('\n');
    expect(lines).toEqual(lines.map((_, index) => String(index)));
    await machine.docker('rm', '-f', 'goes-on');
    expect(held()).toEqual(NOTHING);
    expect((await run('pgrep', ['-f', `conmon.*${scratch.path}`])).stdout).toBe('');
  });
});
