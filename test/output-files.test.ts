/** Files that builds write: whole or not at all, whoever is killed and whatever is full; skopeo and tar judge. */
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { busyboxArchive, startMachine, type Machine } from './support/lade.ts';
import { mustRun } from './support/process.ts';
import { createScratch } from './support/scratch.ts';

const MEGABYTES = 96;
const scratch = createScratch();
const stack = new AsyncDisposableStack();
let machine: Machine;

const contextOf = (name: string, dockerfile: string): string => {
  mkdirSync(scratch.join(name));
  writeFileSync(scratch.join(name, 'Dockerfile'), dockerfile);
  return scratch.join(name);
};

beforeAll(async () => {
  stack.defer(() => scratch[Symbol.dispose]());
  machine = stack.use(await startMachine(scratch));
  await machine.docker('import', await busyboxArchive(scratch), 'test/busybox');
  contextOf(
    'large',
    `FROM test/busybox AS made\nRUN head -c ${MEGABYTES}m /dev/urandom > /large\nFROM scratch\nCOPY --from=made /large /\n`,
  );
  await machine.lade('build', '-q', '-o', 'type=cacheonly', scratch.join('large'));
});
afterAll(() => stack[Symbol.asyncDispose]());

test('builds into one layout at once are all in it', async () => {
  const layout = scratch.join('layout');
  mkdirSync(layout);
  writeFileSync(scratch.join('layout', 'README'), 'not theirs');
  const tags = ['1', '2', '3', '4'];
  const builds = tags.map(async (tag) => {
    const context = contextOf(`image-${tag}`, `FROM test/busybox\nENV TAG=${tag}\n`);
    await machine.lade('build', '-t', `app:${tag}`, '-o', `type=oci,dest=${layout},tar=false`, context);
  });
  await Promise.all(builds);
  for (const tag of tags) {
    const { stdout } = await mustRun('skopeo', ['inspect', '--config', `oci:${layout}:${tag}`]);
    expect(JSON.parse(stdout)).toMatchObject({
      config: { Env: expect.arrayContaining([`TAG=${tag}`]) as unknown },
    });
  }
  expect(new Set(readdirSync(layout))).toEqual(new Set(['README', 'blobs', 'index.json', 'oci-layout']));
});

test.each(['tar', 'oci', 'docker'])('a daemon that is killed leaves no part of a %s', async (type) => {
  const folder = scratch.child(`killed-${type}`);
  const target = folder.join('out.tar');
  writeFileSync(target, 'before');
  const output = `type=${type},dest=${target}`;
  const built = machine.tryLade(['build', '-o', output, scratch.join('large')]);
  const isWritten = (): boolean =>
    readdirSync(folder.path).some((name) => name !== 'out.tar' && statSync(folder.join(name)).size > 0) ||
    statSync(target).size > 6;
  await expect.poll(isWritten, { interval: 5, timeout: 30_000 }).toBe(true);
  await machine.restart('SIGKILL');
  await built;
  if (readFileSync(target).subarray(0, 6).toString() === 'before') return;
  await mustRun('tar', ['-tf', target]);
  expect(statSync(target).size).toBeGreaterThan(MEGABYTES << 20);
});

test('a full disk leaves what was there, and no part of what was not', async () => {
  const small = scratch.child('small');
  await mustRun('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'none', small.path]);
  stack.defer(() => void mustRun('umount', ['-l', small.path]).catch(() => undefined));
  try {
    writeFileSync(small.join('out.tar'), 'before');
    const to = async (output: string): Promise<void> => {
      const { code, stderr } = await machine.tryLade(['build', '-o', output, scratch.join('large')]);
      expect(code).toBe(1);
      expect(stderr).toMatch(/no space left/iu);
    };
    await to(`type=tar,dest=${small.join('out.tar')}`);
    await to(`type=local,dest=${small.join('files')}`);
    await to(`type=oci,dest=${small.join('layout')},tar=false`);
    expect(readFileSync(small.join('out.tar'), 'utf8')).toBe('before');
    // Blobs that were written are whole; nothing names them.
    const sums = await mustRun('sh', ['-c', "find . -type f -path './layout/blobs/*' -exec sha256sum {} +"], {
      cwd: small.path,
    });
    for (const line of sums.stdout.split('\n').filter(Boolean))
      expect(line.split('/').at(-1)).toBe(line.split(' ')[0]);
    const left = await mustRun('find', ['.', '-type', 'f', '!', '-path', './layout/blobs/*'], {
      cwd: small.path,
    });
    expect(new Set(left.stdout.split('\n').filter(Boolean))).toEqual(
      new Set(['./out.tar', './layout/oci-layout']),
    );
  } finally {
    await mustRun('umount', [small.path]);
  }
});
