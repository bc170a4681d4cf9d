/** Caches of RUN --mount=type=cache as things of their own: shared, listed, moved between machines, never half there. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  busyboxArchive,
  startMachine,
  startRegistry,
  type Machine,
  type RegistryService,
} from './support/lade.ts';
import { mustRun, type Finished } from './support/process.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
const stack = new AsyncDisposableStack();
let machine: Machine;
let other: Machine;
let registry: RegistryService;
let contexts = 0;

beforeAll(async () => {
  machine = stack.use(await startMachine(scratch.child('one')));
  other = stack.use(await startMachine(scratch.child('two')));
  registry = stack.use(await startRegistry(scratch.join('registry')));
  const archive = await busyboxArchive(scratch);
  await machine.lade('import', archive, 'bb');
  await other.lade('import', archive, 'bb');
});

afterAll(async () => {
  await stack.disposeAsync();
  scratch[Symbol.dispose]();
});

const contextOf = (...lines: readonly string[]): string => {
  contexts += 1;
  const path = scratch.join(`context${contexts}`);
  mkdirSync(path);
  writeFileSync(join(path, 'Dockerfile'), ['FROM bb', ...lines, ''].join('\n'));
  return path;
};

const tryBuild = (on: Machine, lines: readonly string[], ...more: readonly string[]): Promise<Finished> =>
  on.tryLade(['build', '--progress=plain', '--no-cache', ...more, contextOf(...lines)]);

const build = async (on: Machine, lines: readonly string[], ...more: readonly string[]): Promise<string> => {
  const { code, stderr } = await tryBuild(on, lines, ...more);
  if (code !== 0) throw new Error(stderr);
  return stderr;
};

interface Listed {
  readonly ID: string;
  readonly Key: string;
  readonly Uses: string;
  readonly Sharing: string;
  readonly InUse: string;
}

const listed = async (on: Machine): Promise<readonly Listed[]> => {
  const { stdout } = await on.lade('cache', 'ls', '--no-trunc', '--format', '{{json .}}');
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Listed);
};

const folder = (on: Machine): string => join(on.root, 'build-cache');

describe('caches', () => {
  test('are listed by id, with what BUILDKIT_CACHE_MOUNT_NS puts before it, and removed', async () => {
    const lines = [
      'WORKDIR /w',
      'RUN --mount=type=cache,target=rel --mount=type=cache,id=named,target=/n,sharing=locked touch rel/a /n/b',
    ];
    await build(machine, lines);
    await build(machine, lines, '--build-arg', 'BUILDKIT_CACHE_MOUNT_NS=ci');
    const all = await listed(machine);
    expect(all.map(({ ID }) => ID)).toEqual(['/w/rel', 'ci//w/rel', 'ci/named', 'named']);
    expect(all.find(({ ID }) => ID === 'named')).toMatchObject({
      Sharing: 'locked',
      Uses: '1',
      InUse: 'false',
    });
    const [first] = all;
    await machine.lade('cache', 'rm', 'named', first?.Key.slice(0, 8) ?? '');
    expect((await listed(machine)).map(({ ID }) => ID)).toEqual(['ci//w/rel', 'ci/named']);
    expect(readdirSync(folder(machine))).toHaveLength(2);
    const gone = await machine.tryLade(['cache', 'rm', 'named']);
    expect(gone.stderr).toContain('there is no cache named');
    expect(gone.code).toBe(1);
    await machine.lade('cache', 'rm', '--all');
    expect(readdirSync(folder(machine))).toEqual([]);
  });

  test('locked ones have one writer at a time, across builds; private ones have none beside them', async () => {
    const locked =
      'RUN --mount=type=cache,id=l,target=/c,sharing=locked mkdir /c/lock && sleep 0.3 && rmdir /c/lock && echo x >> /c/count';
    const once =
      'RUN --mount=type=cache,id=p,target=/c,sharing=private mkdir /c/lock && sleep 0.3 && rmdir /c/lock';
    const builds = Array.from({ length: 4 }, (_, index) => build(machine, [`ENV N=${index}`, locked, once]));
    await Promise.all(builds);
    expect(
      await build(machine, ['RUN --mount=type=cache,id=l,target=/c echo lines $(wc -l < /c/count)']),
    ).toContain('lines 4');
    expect((await listed(machine)).filter(({ ID }) => ID === 'p').length).toBeGreaterThan(1);
  });

  test('shared ones are used at once; one in use is not removed, by name or by prune', async () => {
    const wait = 'for i in $(seq 200); do [ $(ls /c | wc -l) = 2 ] && exit 0; sleep 0.1; done; exit 1';
    const step = (name: string): string =>
      `RUN --mount=type=cache,id=both,target=/c touch /c/${name} && ${wait}`;
    const first = build(machine, [step('a')]);
    await expect
      .poll(async () => (await listed(machine)).find(({ ID }) => ID === 'both')?.InUse)
      .toBe('true');
    const refused = await machine.tryLade(['cache', 'rm', 'both']);
    expect(refused.stderr).toContain('in use by a build step');
    await Promise.all([first, build(machine, [step('b')])]);
    await machine.lade('cache', 'rm', 'both');
  });

  test('begin with files of a stage or an image where from says so', async () => {
    const context = ['RUN mkdir -p /seed/d && echo one > /seed/d/f && chown 5:6 /seed/d', 'FROM bb'];
    const step =
      'RUN --mount=type=cache,id=s,from=0,source=/seed,target=/c stat -c "%u:%g" /c/d && cat /c/d/f && echo more >> /c/d/f';
    const first = await machine.tryLade(['build', '--progress=plain', contextOf(...context, step)]);
    expect(first.stderr).toMatch(/ 5:6\n.* one\n/u);
    // The same seed, by the build cache.
    const again = contextOf(...context, 'ENV AGAIN=1', step);
    const { stderr } = await machine.tryLade(['build', '--progress=plain', again]);
    expect(stderr).toMatch(/ one\n.* more\n/u);
    expect(await build(machine, ['RUN --mount=type=cache,id=s,target=/c ls -A /c | wc -l'])).toMatch(/ 0\n/u);
    const missing = await tryBuild(machine, [
      'RUN --mount=type=cache,id=s,from=bb,source=/none,target=/c true',
    ]);
    expect(missing.stderr).toContain('/none');
  });

  test('cannot be used to reach out of them', async () => {
    const outside = scratch.join('outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'host'), 'host');
    await build(machine, [
      `RUN --mount=type=cache,id=evil,target=/c ln -s ${outside} /c/out && ln -s / /c/root && ln -s ${outside} /c/sub`,
    ]);
    const source = 'RUN --mount=type=cache,id=evil,source=out,target=/x';
    expect((await tryBuild(machine, [`${source} ls /x`])).stderr).toContain('has no directory out');
    expect(
      await build(machine, [
        'RUN --mount=type=cache,id=evil,source=root,target=/x ls /x && ! ls /x/etc/passwd 2>/dev/null',
      ]),
    ).not.toContain('etc\n');
    // A mount below a link of a cache, and a target that is a link of an earlier step.
    await tryBuild(machine, [
      'RUN --mount=type=cache,id=evil,target=/c --mount=type=tmpfs,target=/c/sub/made true',
    ]);
    await tryBuild(machine, [
      `RUN mkdir /t && ln -s ${outside} /t/link`,
      'RUN --mount=type=cache,id=o,target=/t/link/made touch /t/link/made/x',
    ]);
    expect(readdirSync(outside)).toEqual(['host']);
  });
});

describe('a step that swaps links in a cache', () => {
  test('while others mount parts of it, or mount inside it, leads nobody out', async () => {
    const outside = scratch.join('raced');
    mkdirSync(outside);
    writeFileSync(join(outside, 'host-file'), 'host');
    const swap = `while [ ! -e /c/stop ]; do rm -rf /c/sub; ln -s ${outside} /c/sub; rm -f /c/sub; ln -s / /c/sub; rm -f /c/sub; mkdir -p /c/sub; done`;
    const swapping = tryBuild(machine, [
      `RUN --mount=type=cache,id=race,target=/c touch /c/ready && ( sleep 60; touch /c/stop ) & ${swap}`,
    ]);
    await expect
      .poll(async () => (await listed(machine)).some(({ ID, InUse }) => ID === 'race' && InUse === 'true'))
      .toBe(true);
    // Each ends with the list of what it saw, or because there was no directory at that moment.
    const look = [
      'RUN --mount=type=cache,id=race,source=sub,target=/x ls /x; touch /x/mark 2>/dev/null; true',
    ];
    const logs: string[] = [];
    const built = (): boolean => logs.some((log) => log.includes('built sha256'));
    // Some rounds find no directory; more are tried until one was mounted, or else the race shows nothing.
    for (let round = 0; round < 10 || (round < 100 && !built()); round += 1)
      logs.push((await tryBuild(machine, look)).stderr);
    expect(built()).toBe(true);
    await tryBuild(machine, ['RUN --mount=type=cache,id=race,target=/c touch /c/stop']);
    // Waits until nobody else is in the cache.
    await tryBuild(machine, [
      'RUN --mount=type=cache,id=race,target=/c --mount=type=tmpfs,target=/c/sub/in true',
    ]);
    await swapping;
    expect(logs.join('')).not.toMatch(/host-file|\betc\b.*\n.*\bproc\b/u);
    expect(readdirSync(outside)).toEqual(['host-file']);
  });
});

describe('export and import', () => {
  const FILL = [
    'RUN --mount=type=cache,id=deps,target=/c mkdir -p "/c/a dir/deep" && echo kept > "/c/a dir/deep/f" && ln "/c/a dir/deep/f" /c/hard && ln -s "a dir" /c/soft && chown -R 5:6 "/c/a dir" && chmod 2750 "/c/a dir" && touch -d "2001-02-03 04:05:06" /c/hard && dd if=/dev/zero of=/c/big bs=1M count=3 2>/dev/null && mkfifo /c/pipe',
  ];
  beforeAll(async () => {
    await build(machine, FILL);
  });

  const SHOW =
    'find /c | sort | while read -r f; do stat -c "%n %a %u:%g %F %Y" "$f"; done | grep -v "^/c 755"; stat -c "links %h" /c/hard; readlink /c/soft; cat /c/hard; md5sum /c/big';
  const show = async (on: Machine, id: string): Promise<string> => {
    const log = await build(on, [`RUN --mount=type=cache,id=${id},target=/c ${SHOW}`]);
    return log.replaceAll(/^#\d+ [\d.]+ /gmu, '').match(/\/c\/[\s\S]*\/c\/big\n/u)?.[0] ?? log;
  };

  test('a tar holds all of a cache, and GNU tar reads it', async () => {
    const file = scratch.join('deps.tar');
    await machine.lade('cache', 'export', 'deps', '-o', file);
    const list = (await mustRun('tar', ['--numeric-owner', '-tvf', file])).stdout;
    expect(list).toMatch(/drwxr-s--- 5\/6 .* a dir\/\n/u);
    expect(list).toMatch(/(?:hard link to|link to) /u);
    await other.lade('cache', 'import', '--id', 'deps', file);
    expect(await show(other, 'deps')).toBe(await show(machine, 'deps'));
    await mustRun('gzip', [file]);
    await other.lade('cache', 'import', '--id', 'zipped', `${file}.gz`);
    expect(await show(other, 'zipped')).toBe(await show(machine, 'deps'));
    expect((await other.tryLade(['cache', 'import', `${file}.gz`])).stderr).toContain('--id');
  });

  test('a registry keeps a cache as an artifact, which names itself', async () => {
    const reference = `${registry.address}/ci/caches:deps`;
    expect((await machine.lade('cache', 'export', 'deps', reference)).stdout).toMatch(/sha256:[0-9a-f]{64}/u);
    await other.tryLade(['cache', 'rm', '--all']);
    expect((await other.lade('cache', 'import', reference)).stdout).toContain('deps');
    expect(await show(other, 'deps')).toBe(await show(machine, 'deps'));
    const manifest = execFileSync('skopeo', [
      'inspect',
      '--raw',
      '--tls-verify=false',
      `docker://${reference}`,
    ]);
    expect(JSON.parse(manifest.toString())).toMatchObject({
      artifactType: 'application/vnd.lade.build.cache.v1',
    });
    await machine.lade('push', ...(await tagged(machine, `${registry.address}/ci/image:1`)));
    const wrong = await other.tryLade(['cache', 'import', `${registry.address}/ci/image:1`]);
    expect(wrong.stderr).toContain('is not a cache of build steps');
  });

  const tagged = async (on: Machine, name: string): Promise<readonly string[]> => {
    await on.lade('tag', 'bb', name);
    return [name];
  };

  test('what is no archive, or one that leads out, replaces nothing', async () => {
    await build(machine, ['RUN --mount=type=cache,id=kept,target=/c echo kept > /c/f']);
    const look = () => build(machine, ['RUN --mount=type=cache,id=kept,target=/c cat /c/f']);
    const broken = await machine.tryLade(['cache', 'import', '--id', 'kept', '-'], { input: 'no archive' });
    expect(broken.code).toBe(1);
    expect(await look()).toContain(' kept\n');
    const evil = scratch.join('evil');
    mkdirSync(evil);
    symlinkSync(scratch.join('target'), join(evil, 'd'));
    const file = scratch.join('evil.tar');
    execFileSync('tar', ['-C', evil, '-cf', file, 'd']);
    writeFileSync(join(evil, 'x'), 'x');
    execFileSync('tar', ['-C', evil, '-rf', file, '--transform', 's,^x$,d/x,', 'x']);
    execFileSync('tar', ['-C', evil, '-rPf', file, '--transform', 's,^x$,../../escaped,', 'x']);
    await machine.tryLade(['cache', 'import', '--id', 'kept', file]);
    expect(existsSync(scratch.join('target'))).toBe(false);
    expect(existsSync(join(machine.root, 'escaped'))).toBe(false);
    expect(existsSync(join(machine.root, '..', 'escaped'))).toBe(false);
  });
});

describe('a daemon that is killed', () => {
  test('while a step writes keeps the cache and forgets nothing; what was half made goes', async () => {
    await build(machine, ['RUN --mount=type=cache,id=crash,target=/c echo 1 > /c/one']);
    const writing = tryBuild(machine, [
      'RUN --mount=type=cache,id=crash,target=/c echo begun > /c/two; while :; do echo more >> /c/three; done',
    ]);
    const directory = (): string =>
      readdirSync(folder(machine))
        .map((name) => join(folder(machine), name))
        .find((path) => existsSync(join(path, 'two'))) ?? '';
    await expect.poll(directory).not.toBe('');
    mkdirSync(join(folder(machine), '.new-half'));
    await machine.restart('SIGKILL');
    await writing;
    const log = await build(machine, [
      'RUN --mount=type=cache,id=crash,target=/c,sharing=locked cat /c/one /c/two',
    ]);
    expect(log).toMatch(/ 1\n.* begun\n/u);
    expect((await listed(machine)).map(({ ID }) => ID)).toContain('crash');
    expect(existsSync(join(folder(machine), '.new-half'))).toBe(false);
    await machine.lade('cache', 'rm', 'crash');
  });
});
