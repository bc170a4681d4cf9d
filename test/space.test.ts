/** Where the space goes and how it comes back: settings, undo, budget, prune, df and check. Judged by du, docker and skopeo. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDockerRegistry, type DockerRegistry } from './support/docker-registry.ts';
import { busyboxArchive, startMachine, type Machine } from './support/lade.ts';
import { mustRun } from './support/process.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
const stack = new AsyncDisposableStack();
let registry: DockerRegistry;

/** A tar whose one file is `bytes` of noise, so that neither disks nor compression make it smaller. */
const noiseTar = async (name: string, bytes: number): Promise<string> => {
  const path = scratch.join(`${name}.tar`);
  await mustRun('sh', [
    '-c',
    `mkdir -p ${scratch.join(name)} && head -c ${bytes} /dev/urandom > ${scratch.join(name)}/noise && tar -C ${scratch.join(name)} -cf ${path} .`,
  ]);
  return path;
};

const MIB = 1024 * 1024;

beforeAll(async () => {
  registry = stack.use(await startDockerRegistry(scratch, 'space'));
  await noiseTar('one', 2 * MIB);
  await noiseTar('two', 3 * MIB);
});

afterAll(async () => {
  await stack.disposeAsync();
  scratch[Symbol.dispose]();
});

const tar = (name: string): string => scratch.join(`${name}.tar`);

/** Allocated bytes of a root; without the database, which grows by what is written down. */
const du = async (root: string, ...more: string[]): Promise<number> =>
  Number((await mustRun('du', ['-sx', '--block-size=1', ...more, root])).stdout.split('\t')[0]);

const duOfContent = (root: string): Promise<number> => du(root, '--exclude=lade.db*');

const idsOf = async (machine: Machine): Promise<readonly string[]> => {
  const { stdout } = await machine.docker('images', '-aq', '--no-trunc');
  return [...new Set(stdout.split('\n').filter(Boolean))].toSorted();
};

const bytesIn = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1]);

/** A directory to build in. */
const contextOf = (name: string, dockerfile: string): string => {
  const path = scratch.join(`context-${name}`);
  mkdirSync(path);
  writeFileSync(join(path, 'Dockerfile'), dockerfile);
  return path;
};

const freshMachine = (name: string): Promise<Machine> => startMachine(scratch.child(name));

describe('settings', () => {
  test('are kept, checked, and count at once', async () => {
    await using machine = await freshMachine('settings');
    expect((await machine.lade('config', 'get', 'undo.keep')).stdout).toBe('1h\n');
    await machine.lade('config', 'set', 'undo.keep', '0');
    await machine.lade('config', 'set', 'gc.budget', '20GiB');
    await machine.restart('SIGKILL');
    expect((await machine.lade('config', 'get', 'gc.budget')).stdout).toBe('20GiB\n');
    expect((await machine.lade('config', 'ls')).stdout).toMatch(/gc\.budget +20GiB +none/);
    const wrong = await machine.tryLade(['config', 'set', 'gc.budget', 'lots']);
    expect({ code: wrong.code, stderr: wrong.stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('"lots" is not an amount of space such as 20GB'),
    });
    const unknown = await machine.tryLade(['config', 'set', 'gc.bugdet', '1GB']);
    expect(unknown.stderr).toMatch(/no setting gc\.bugdet\n.*gc\.budget/);
    await machine.docker('import', tar('one'), 'one');
    await machine.docker('rmi', 'one');
    expect((await machine.tryLade(['undo'])).code).toBe(1);
    await machine.lade('config', 'unset', 'undo.keep');
    expect((await machine.lade('config', 'get', 'undo.keep')).stdout).toBe('1h\n');
  });
});

describe('undo', () => {
  test('brings back images and names exactly as they were, by the last deletion, ID or name', async () => {
    await using machine = await freshMachine('undo');
    await machine.docker('import', tar('one'), 'one:1');
    await machine.docker('import', tar('two'), 'two:1');
    await machine.docker('tag', 'two:1', 'two:2');
    const inspect = async () =>
      JSON.parse((await machine.docker('image', 'inspect', 'one:1', 'two:1')).stdout) as unknown;
    const before = await inspect();
    const layer = (
      await machine.docker('image', 'inspect', '-f', '{{index .RootFS.Layers 0}}', 'one:1')
    ).stdout.trim();
    const removed = await machine.docker('rmi', 'one:1');
    // What dockerd says as well: the image and its layer are gone.
    expect(removed.stdout).toMatch(
      new RegExp(`^Untagged: one:1\nDeleted: sha256:[0-9a-f]{64}\nDeleted: ${layer}\n$`),
    );
    await machine.docker('rmi', 'two:2');
    await machine.docker('rmi', 'two:1');
    expect(await idsOf(machine)).toEqual([]);
    expect((await machine.docker('system', 'df')).stdout).toMatch(/Images +0 +0 +0B +0B/);
    await machine.restart('SIGKILL');
    expect((await machine.lade('undo', 'ls', '--format', '{{.Cause}}: {{.Names}}')).stdout).toBe(
      'rmi two:1: two:1\nrmi two:2: two:2\nrmi one:1: one:1\n',
    );
    const early = await machine.tryLade(['undo', 'two:2']);
    expect(early.stderr).toContain('was deleted later');
    expect((await machine.lade('undo')).stdout).toMatch(/^Restored: sha256:\w{64}\nTagged: two:1\n$/);
    expect((await machine.lade('undo', 'one:1')).stdout).toContain('Tagged: one:1');
    const [entry = ''] = (await machine.lade('undo', 'ls', '--format', '{{.ID}}')).stdout.split('\n');
    expect((await machine.lade('undo', entry)).stdout).toBe('Tagged: two:2\n');
    expect(await inspect()).toEqual(before);
    expect((await machine.tryLade(['undo'])).stderr).toContain('no deletion that could be undone');
  });

  test('a name that was given to another image stays there, and undo says so', async () => {
    await using machine = await freshMachine('taken');
    await machine.docker('import', tar('one'), 'app:1');
    const [old = ''] = await idsOf(machine);
    await machine.docker('rmi', 'app:1');
    const gone = await machine.docker('import', tar('two'), 'app:1');
    const undone = await machine.lade('undo');
    expect(undone.stdout).toBe(`Restored: ${old}\n`);
    expect(undone.stderr).toContain(`app:1 means ${gone.stdout.slice(7, 19)} now and was left there`);
    expect(await idsOf(machine)).toHaveLength(2);
  });

  test('what is held is a line of its own, and goes with --purge, with prune --purge and with time', async () => {
    await using machine = await freshMachine('held');
    const empty = await duOfContent(machine.root);
    await machine.docker('import', tar('one'), 'one');
    await machine.docker('import', tar('two'), 'two');
    await machine.lade('rmi', '--purge', 'one');
    await expect.poll(() => duOfContent(machine.root)).toBeLessThan(empty + 4 * MIB);
    expect((await machine.lade('undo', 'ls')).stdout).not.toContain('one');
    await machine.docker('rmi', 'two');
    expect((await machine.lade('system', 'df')).stdout).toMatch(/Held for undo: +3\.\d+MB \(1 deletion\)/);
    const pruned = await machine.lade('image', 'prune', '-f', '--purge');
    expect(pruned.stdout).toMatch(/^Total reclaimed space: 3\.\d+MB\n$/);
    expect(await duOfContent(machine.root)).toBe(empty);
    await machine.lade('config', 'set', 'undo.keep', '1s');
    await machine.docker('import', tar('two'), 'two');
    await machine.docker('rmi', 'two');
    await expect.poll(() => duOfContent(machine.root), { timeout: 30_000 }).toBe(empty);
    expect((await machine.tryLade(['undo', 'two'])).code).toBe(1);
  });
});

describe('prune', () => {
  test('estimates to the byte what is freed, as du sees it, and says what is held', async () => {
    await using machine = await freshMachine('prune');
    await machine.docker('import', await busyboxArchive(scratch), 'busybox');
    await machine.docker('import', tar('one'), 'loose');
    await machine.docker('import', tar('two'), 'loose');
    await machine.docker('import', tar('two'), 'kept:1');
    await machine.docker('run', '--name', 'done', 'busybox', 'sh', '-c', 'head -c 500000 /dev/zero > /x');
    await machine.docker(
      'run',
      '-v',
      '/v',
      '--name',
      'anonymous',
      'busybox',
      'sh',
      '-c',
      'echo hello > /v/x',
    );
    const context = contextOf('prune', 'FROM busybox\nRUN head -c 700000 /dev/zero > /y\n');
    await machine.docker('build', '-q', '-t', 'built', context);
    await machine.docker('rmi', 'built');
    const report = async (...flags: string[]) => {
      const dry = await machine.lade('system', 'prune', '--dry-run', '--volumes', ...flags);
      const estimate = bytesIn(dry.stdout, /Would free .*?\((\d+) bytes\)/);
      const before = await duOfContent(machine.root);
      const done = await machine.lade('system', 'prune', '-f', '--volumes', ...flags);
      return { dry, estimate, done, freed: before - (await duOfContent(machine.root)) };
    };
    const first = await report();
    expect(first.dry.stdout).toMatch(/hold \d/);
    expect(first.estimate).toBeGreaterThan(500_000);
    expect(first.freed).toBe(first.estimate);
    expect(first.done.stdout).toMatch(/Total reclaimed space: \S+\nHeld for undo: /);
    expect((await machine.docker('images', '--format', '{{.Repository}}')).stdout).toBe(
      'kept\nloose\nbusybox\n',
    );
    const all = await report('-a', '--purge');
    expect(all.estimate).toBeGreaterThan(5 * MIB);
    expect(all.freed).toBe(all.estimate);
    expect(await idsOf(machine)).toEqual([]);
    expect((await machine.lade('system', 'check')).stdout).toContain('no faults');
  });

  test('docker sees its own lists and sum; filters and --keep-last choose', async () => {
    await using machine = await freshMachine('keep');
    for (const version of ['1', '2', '3', '4']) {
      await machine.docker('import', '-c', `LABEL v=${version}`, tar('one'), `app:${version}`);
      await machine.docker('import', '-c', `LABEL w=${version}`, tar('one'), `web:${version}`);
    }
    await machine.docker('tag', 'app:1', 'other:only');
    const dry = await machine.lade('image', 'prune', '--keep-last', '2', '--dry-run');
    expect(dry.stdout).toMatch(/^Images:\n(?:(?:app|web):[12]\n){4}\n/);
    await machine.lade('image', 'prune', '-f', '--keep-last', '2', '--filter', 'label=w');
    const names = async () =>
      (await machine.docker('images', '--format', '{{.Repository}}:{{.Tag}}')).stdout
        .split('\n')
        .filter(Boolean)
        .toSorted();
    expect(await names()).toEqual(['app:1', 'app:2', 'app:3', 'app:4', 'other:only', 'web:3', 'web:4']);
    await machine.lade('image', 'prune', '-f', '--keep-last', '1');
    expect(await names()).toEqual(['app:4', 'other:only', 'web:4']);
    const sum = await machine.docker('image', 'prune', '-af', '--filter', 'label!=w');
    expect(sum.stdout).toMatch(/deleted: sha256:[\s\S]*\nTotal reclaimed space: \d[\d.]*kB\n$/);
    expect(await names()).toEqual(['web:4']);
    const none = await machine.docker('image', 'prune', '-af', '--filter', 'until=10m');
    expect(none.stdout).toBe('Total reclaimed space: 0B\n');
    await machine.lade('undo');
    expect(await names()).toEqual(['app:4', 'other:only', 'web:4']);
  });
});

describe('system df -v', () => {
  test('explains every byte: the lines add up to what du says', async () => {
    await using machine = await freshMachine('df');
    await machine.docker('import', await busyboxArchive(scratch), 'busybox');
    await machine.docker('import', tar('one'), 'one');
    await machine.docker('import', tar('two'), 'gone');
    await machine.docker('rmi', 'gone');
    await machine.docker(
      'run',
      '-v',
      'data:/v',
      '--name',
      'box',
      'busybox',
      'sh',
      '-c',
      'head -c 300000 /dev/zero | tee /x > /v/y',
    );
    const context = contextOf('df', 'FROM busybox\nRUN head -c 900000 /dev/zero > /y\n');
    await machine.docker('build', '-q', '-t', 'built', context);
    await machine.docker('rmi', 'built');
    mkdirSync(join(machine.root, 'stray'));
    writeFileSync(join(machine.root, 'stray', 'file'), Buffer.alloc(10_000, 1));
    const text = (await machine.lade('system', 'df', '-v')).stdout;
    const line = (name: string): number => bytesIn(text, new RegExp(`^${name} {2,}\\S+ +(\\d+)`, 'm'));
    expect(line('Total')).toBe(await du(machine.root));
    const least = {
      'Images: unpacked layers': 2 * MIB,
      'Held for undo': 3 * MIB,
      Containers: 300_000,
      Volumes: 300_000,
      'Build cache': 900_000,
      Orphaned: 10_000,
    };
    for (const [name, bytes] of Object.entries(least)) expect(line(name), name).toBeGreaterThan(bytes);
    expect(text).toMatch(/^one:latest +\w{12} +\S+ +0B +2\.\d+MB/m);
    const theirs = (await machine.docker('system', 'df', '-v')).stdout;
    expect(theirs).toContain('Images space usage:');
    expect(theirs).not.toContain('undo');
  });
});

describe('the budget', () => {
  test('lets go least recently used first, never what has a name; save and push give the same bytes again', async () => {
    await using machine = await freshMachine('budget');
    const name = `${registry.address}/budget/app:1`;
    await machine.docker('import', tar('two'), name);
    await machine.docker('push', name);
    await machine.docker('import', tar('one'), 'local');
    await machine.lade('system', 'prune', '-af', '--purge');
    await machine.docker('pull', name);
    await machine.docker('import', tar('one'), 'local');
    await machine.docker('import', '-c', 'LABEL dangling=yes', tar('one'), 'dangling');
    await machine.docker('import', '-c', 'LABEL dangling=no', tar('one'), 'dangling');
    const hash = async (): Promise<string> => {
      await machine.docker('save', '-o', scratch.join('saved.tar'), name);
      return createHash('sha256')
        .update(readFileSync(scratch.join('saved.tar')))
        .digest('hex');
    };
    const saved = await hash();
    const largest = (): number =>
      Math.max(
        0,
        ...readdirSync(join(machine.root, 'blobs', 'sha256')).map(
          (hex) => statSync(join(machine.root, 'blobs', 'sha256', hex)).size,
        ),
      );
    expect(largest()).toBeGreaterThan(3 * MIB);
    await machine.lade('config', 'set', 'gc.budget', '5500kB');
    await expect.poll(largest, { timeout: 15_000 }).toBeLessThan(10_000);
    expect((await machine.docker('images', '-q', '--filter', 'dangling=true')).stdout).not.toBe('');
    expect((await machine.lade('system', 'df')).stdout).toMatch(/Budget: +5\.\d+MB of 5\.5MB \(9\d%\)/);
    expect(machine.daemon.stderr()).toContain('compressed layers that a registry has');
    await machine.lade('config', 'unset', 'gc.budget');
    expect(await hash()).toBe(saved);
    expect(largest()).toBeGreaterThan(3 * MIB);
    await machine.lade('config', 'set', 'gc.budget', '1kB');
    await expect
      .poll(
        () => machine.docker('images', '-aq', '--filter', 'dangling=true').then((found) => found.stdout),
        { timeout: 15_000 },
      )
      .toBe('');
    expect((await machine.docker('images', '-q')).stdout.split('\n').filter(Boolean)).toHaveLength(3);
    await machine.lade('config', 'unset', 'gc.budget');
    const digest = async (image: string): Promise<string> =>
      (
        await mustRun('skopeo', [
          'inspect',
          '--tls-verify=false',
          '--format',
          '{{.Digest}}',
          `docker://${image}`,
        ])
      ).stdout;
    const elsewhere = `${registry.address}/budget/elsewhere:1`;
    await machine.docker('tag', name, elsewhere);
    await machine.docker('push', elsewhere);
    expect(await digest(elsewhere)).toBe(await digest(name));
    expect((await machine.lade('system', 'check')).stdout).toContain('no faults');
  });

  test('an image whose registry is gone is saved and pushed all the same', async () => {
    await using machine = await freshMachine('orphan');
    await using other = await startDockerRegistry(scratch, 'short-lived');
    const name = `${other.address}/app:1`;
    await machine.docker('import', tar('two'), name);
    await machine.docker('push', name);
    await machine.lade('config', 'set', 'gc.budget', '1kB');
    const blobs = (): number =>
      readdirSync(join(machine.root, 'blobs', 'sha256')).reduce(
        (sum, hex) => sum + statSync(join(machine.root, 'blobs', 'sha256', hex)).size,
        0,
      );
    await expect.poll(blobs, { timeout: 15_000 }).toBeLessThan(10_000);
    await machine.lade('config', 'unset', 'gc.budget');
    await other[Symbol.asyncDispose]();
    const moved = `${registry.address}/moved:1`;
    await machine.docker('tag', name, moved);
    await machine.docker('push', moved);
    await machine.docker('save', '-o', scratch.join('moved.tar'), name);
    const layers = await mustRun('skopeo', [
      'inspect',
      '--tls-verify=false',
      '--config',
      `docker://${moved}`,
    ]);
    const ours = await machine.docker('image', 'inspect', '-f', '{{json .RootFS.Layers}}', name);
    expect((JSON.parse(layers.stdout) as { rootfs: { diff_ids: string[] } }).rootfs.diff_ids).toEqual(
      JSON.parse(ours.stdout),
    );
  });
});

test('collection beside pulls, removals and kills loses nothing that has a name', async () => {
  await using machine = await freshMachine('beside');
  const names = ['one', 'two'].map((name) => `${registry.address}/beside/${name}:1`);
  for (const [index, name] of names.entries()) {
    await machine.docker('import', tar(index === 0 ? 'one' : 'two'), name);
    await machine.docker('push', name);
  }
  await machine.lade('config', 'set', 'gc.budget', '1kB');
  for (let round = 0; round < 4; round += 1) {
    await machine.docker('rmi', ...names);
    const pulls = names.flatMap((name) => [
      machine.tryDocker(['pull', name]),
      machine.tryDocker(['pull', name]),
    ]);
    await machine.tryLade(['system', 'prune', '-f', '--purge']);
    if (round % 2 === 1) await machine.restart('SIGKILL');
    await Promise.all(pulls);
    for (const name of names) await machine.docker('pull', name);
    expect((await machine.lade('system', 'check')).stdout).toContain('no faults');
  }
  await machine.lade('config', 'unset', 'gc.budget');
  const [first = ''] = names;
  await machine.docker('rmi', first);
  await machine.restart('SIGKILL');
  const undoing = machine.tryLade(['undo']);
  await machine.restart('SIGKILL');
  await undoing;
  const listed = (await machine.docker('images', '-q', first)).stdout;
  if (listed === '') await machine.lade('undo');
  expect((await machine.docker('images', '-q', first)).stdout).not.toBe('');
  expect((await machine.lade('system', 'check')).stdout).toContain('no faults');
});

describe('system check', () => {
  interface Report {
    readonly findings: readonly {
      readonly kind: string;
      readonly state: string;
      readonly repair?: string;
      readonly message: string;
    }[];
  }
  const check = async (machine: Machine, ...flags: string[]) => {
    const { code, stdout } = await machine.tryLade(['system', 'check', '--format', 'json', ...flags]);
    return { code, findings: (JSON.parse(stdout) as Report).findings };
  };
  const found = ({ findings }: { findings: Report['findings'] }) =>
    findings
      .map(({ kind, state, repair }) => [kind, state, ...(repair === undefined ? [] : [repair])].join(' '))
      .toSorted();

  /** Every file of one kind of content. */
  const filesOf = (machine: Machine) => {
    const inside = (...parts: string[]): string[] =>
      readdirSync(join(machine.root, ...parts)).map((name) => join(machine.root, ...parts, name));
    const blobs = inside('blobs', 'sha256').toSorted((a, b) => statSync(b).size - statSync(a).size);
    return {
      layerBlob: blobs[0] ?? '',
      documents: blobs.slice(1),
      tars: inside('layers').map((directory) => join(directory, 'layer.tar')),
      indexes: inside('layers').map((directory) => join(directory, 'index.erofs')),
    };
  };
  const flip = (path: string): void => {
    const bytes = readFileSync(path);
    const at = Math.floor(bytes.length / 2);
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    writeFileSync(path, bytes);
  };
  const halve = (path: string): void => truncateSync(path, Math.floor(statSync(path).size / 2));
  const remove = (path: string): void => rmSync(path);

  const machineWithPulled = async (name: string): Promise<Machine> => {
    const machine = await freshMachine(name);
    const image = `${registry.address}/check/app:1`;
    await machine.docker('import', await busyboxArchive(scratch), image);
    await machine.docker('push', image);
    await machine.lade('system', 'prune', '-af', '--purge');
    await machine.docker('pull', image);
    return machine;
  };

  test.each([
    ['bytes flipped', flip, 'damaged'],
    ['truncated', halve, 'damaged'],
    ['deleted', remove, 'missing'],
  ])('content of a pulled image, %s, is named, and mended from the registry', async (_name, harm, state) => {
    await using machine = await machineWithPulled(`check-${_name.replaceAll(' ', '-')}`);
    const files = filesOf(machine);
    const whole = await check(machine);
    expect(whole).toEqual({ code: 0, findings: [] });
    for (const path of [files.layerBlob, ...files.documents, ...files.tars]) harm(path);
    const hurt = await check(machine);
    expect(hurt.code).toBe(1);
    expect(found(hurt)).toEqual([`blob ${state}`, `blob ${state}`, `blob ${state}`, `layer ${state}`]);
    expect(hurt.findings[0]?.message).toContain('check/app:1');
    const mended = await check(machine, '--repair');
    expect(mended.code).toBe(0);
    expect(found(mended)).toEqual(found(hurt).map((line) => `${line} repaired`));
    expect(await check(machine)).toEqual({ code: 0, findings: [] });
    expect(
      (await machine.docker('run', '--rm', `${registry.address}/check/app:1`, 'echo', 'whole')).stdout,
    ).toBe('whole\n');
  });

  test.each([
    ['bytes flipped', flip, 'damaged'],
    ['truncated', halve, 'damaged'],
    ['deleted', remove, 'missing'],
  ])('an index, %s, is made again', async (_name, harm, state) => {
    await using machine = await machineWithPulled(`index-${_name.replaceAll(' ', '-')}`);
    const [index = ''] = filesOf(machine).indexes;
    if (!existsSync(index)) return expect(machine.daemon.stderr()).toContain('"layers":"directories"');
    harm(index);
    expect(found(await check(machine))).toEqual([`index ${state}`]);
    expect(found(await check(machine, '--repair'))).toEqual([`index ${state} repaired`]);
    expect(await check(machine)).toEqual({ code: 0, findings: [] });
    return expect(
      (await machine.docker('run', '--rm', `${registry.address}/check/app:1`, 'echo', 'whole')).stdout,
    ).toBe('whole\n');
  });

  test('what nobody else has goes to quarantine, with the images that need it named', async () => {
    await using machine = await freshMachine('quarantine');
    await machine.docker('import', tar('one'), 'one');
    const [layer = ''] = filesOf(machine).tars;
    flip(layer);
    writeFileSync(join(machine.root, 'blobs', 'sha256', 'f'.repeat(64)), 'stray');
    const mended = await check(machine, '--repair');
    expect(mended.code).toBe(1);
    expect(found(mended)).toEqual([
      'file leftover repaired',
      'image missing failed',
      'layer damaged quarantined',
    ]);
    expect(mended.findings.map(({ message }) => message).join('\n')).toContain('library/one');
    expect(readdirSync(join(machine.root, 'quarantine'))).toHaveLength(2);
    expect(existsSync(layer)).toBe(false);
    await machine.lade('rmi', '--purge', 'one');
    expect(await check(machine)).toEqual({ code: 0, findings: [] });
  });

  test('a blob that was compressed here is compressed again, and what a restart forgot is fetched', async () => {
    await using machine = await freshMachine('recompress');
    const image = `${registry.address}/check/own:1`;
    await machine.docker('import', tar('two'), image);
    await machine.docker('push', image);
    const { layerBlob } = filesOf(machine);
    remove(layerBlob);
    expect(found(await check(machine, '--repair'))).toEqual(['blob missing repaired']);
    expect(await check(machine)).toEqual({ code: 0, findings: [] });
    const { tars, documents } = filesOf(machine);
    for (const path of [...tars.map((path) => join(path, '..')), ...documents])
      rmSync(path, { recursive: true });
    await machine.restart('SIGKILL');
    const after = await check(machine, '--repair');
    expect(found(after)).toEqual(['image missing repaired']);
    expect(await check(machine)).toEqual({ code: 0, findings: [] });
    expect((await machine.docker('image', 'inspect', '-f', '{{.Os}}', image)).stdout).toBe('linux\n');
  });
});

describe('a full disk', () => {
  const onSmallDisk = async (
    name: string,
    size: string,
    use: (machine: Machine) => Promise<void>,
  ): Promise<void> => {
    using small = createScratch();
    const root = small.join(name);
    mkdirSync(root);
    await mustRun('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', root]);
    try {
      await using machine = await startMachine(small, { root });
      await use(machine);
    } finally {
      await mustRun('sh', [
        '-c',
        `grep ' ${small.path}' /proc/self/mounts | awk '{print $2}' | sort -r | xargs -r -n1 umount -l`,
      ]);
    }
  };
  const fill = (root: string): Promise<unknown> =>
    mustRun('sh', [
      '-c',
      `dd if=/dev/zero of=${root}/filler bs=64k 2>/dev/null; dd if=/dev/zero of=${root}/filler2 bs=512 2>/dev/null; true`,
    ]);

  test('with not a byte free, images are removed, pruned and listed', async () => {
    await onSmallDisk('full', '40m', async (machine) => {
      const hasReserve = (): boolean => existsSync(join(machine.root, 'lade.db-reserve'));
      for (const name of ['a', 'b', 'c', 'd'])
        await machine.docker('import', '-c', `LABEL n=${name}`, tar('one'), name);
      await machine.docker('import', tar('two'), 'two');
      await expect.poll(hasReserve).toBe(true);
      await fill(machine.root);
      const before = await duOfContent(machine.root);
      await machine.docker('rmi', 'two');
      await expect.poll(() => duOfContent(machine.root)).toBeLessThan(before - 3 * MIB);
      await expect.poll(hasReserve).toBe(true);
      await fill(machine.root);
      await machine.docker('image', 'prune', '-af');
      expect(await idsOf(machine)).toEqual([]);
      rmSync(join(machine.root, 'filler'));
      await expect.poll(hasReserve).toBe(true);
    });
  });

  test('what undo holds makes room for what comes', async () => {
    // On such a disk a layer may be kept twice: as its tar and as files.
    await noiseTar('large', 5 * MIB);
    await onSmallDisk('room', '40m', async (machine) => {
      const name = `${registry.address}/room:1`;
      await machine.docker('import', tar('large'), name);
      await machine.docker('push', name);
      await machine.docker('rmi', name);
      expect((await machine.lade('undo', 'ls', '--format', '{{.Cause}}')).stdout).toBe(`rmi ${name}\n`);
      await noiseTar('larger', 9 * MIB);
      await machine.docker('import', tar('larger'), 'larger');
      await machine.docker('tag', 'larger', `${registry.address}/larger:1`);
      await machine.docker('push', `${registry.address}/larger:1`);
      expect(await idsOf(machine)).toHaveLength(1);
      expect((await machine.lade('undo', 'ls', '--format', '{{.Cause}}')).stdout).toBe('');
      expect((await machine.lade('system', 'check')).stdout).toContain('no faults');
    });
  });
});
