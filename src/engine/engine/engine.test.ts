import { mkdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { toLadeError } from '#errors';
import { readTar, writeTar, type TarSource } from '#tar';
import { IMAGE, openTestEngine, type TestEngine } from './testing.ts';
import type { Attachment, CreateContainerOptions } from './types.ts';
import type { ContainerConfig, HostConfig } from './wire-types.ts';

const isRoot = process.getuid?.() === 0;

let bench: TestEngine;
const events = (): string[] => bench.events.map(({ type, action }) => `${type} ${action}`);

beforeAll(async () => {
  if (isRoot) bench = await openTestEngine();
});
afterAll(async () => {
  if (isRoot) await bench[Symbol.asyncDispose]();
});
beforeEach(() => {
  if (isRoot) (bench.events as unknown[]).length = 0;
});

const containers = () => bench.engine.containers;

const make = async (
  script: string,
  config: ContainerConfig = {},
  hostConfig: HostConfig = {},
  rest: Partial<CreateContainerOptions> = {},
): Promise<string> => {
  const { id } = await containers().create({
    config: { Image: IMAGE, Cmd: ['sh', '-c', script], StopTimeout: 1, ...config },
    hostConfig,
    ...rest,
  });
  return id;
};

const textOf = async (attachment: Pick<Attachment, 'output'>): Promise<string> => {
  let text = '';
  for await (const { stream, data } of attachment.output) text += `${stream[3]}:${data.toString()}`;
  return text;
};

const logsOf = async (id: string): Promise<string> =>
  textOf(await containers().logs(id, { stdout: true, stderr: true }));

/** Runs to the end and returns all that it wrote. */
const runToEnd = async (id: string): Promise<{ code: number; text: string }> => {
  const attachment = await containers().attach(id, { stream: true });
  const text = textOf(attachment);
  const { result } = containers().wait(id, { condition: 'next-exit' });
  await containers().start(id);
  return { code: (await result).exitCode, text: await text };
};

describe.skipIf(!isRoot)('a container’s life (needs root)', () => {
  test('create, attach, start, end, logs, inspect, list, remove', async () => {
    const id = await make('echo out; echo err >&2; exit 3', { Labels: { a: 'b' } }, {}, { name: 'first' });
    expect((await containers().inspect('first')).State.Status).toBe('created');
    const { code, text } = await runToEnd(id);
    expect(code).toBe(3);
    expect(text).toContain('o:out\n');
    expect(text).toContain('e:err\n');
    expect(await logsOf('first')).toBe(text);
    const inspect = await containers().inspect(id.slice(0, 10), { size: true });
    expect(inspect).toMatchObject({
      Name: '/first',
      Path: 'sh',
      State: { Status: 'exited', ExitCode: 3, Running: false },
      Config: { Labels: { a: 'b', from: 'image' }, Env: ['FROM_IMAGE=1'] },
    });
    expect(inspect.SizeRootFs).toBeGreaterThan(1e6);
    expect(await containers().list()).toEqual([]);
    const [listed] = await containers().list({ all: true, filters: { exited: ['3'], name: ['fir'] } });
    expect(listed?.Status).toMatch(/^Exited \(3\)/);
    expect(await containers().list({ all: true, filters: { exited: ['4'] } })).toEqual([]);
    await containers().remove('first');
    await expect(containers().inspect('first')).rejects.toMatchObject({
      message: 'No such container: first',
    });
    expect(events()).toEqual([
      'container create',
      'container attach',
      'network connect',
      'container start',
      'container die',
      'network disconnect',
      'container destroy',
    ]);
    expect(existsSync(join(bench.path, 'containers', id))).toBe(false);
    expect(bench.images.holders.has(id)).toBe(false);
  });

  test('input, stop by signal, restart, start again', async () => {
    const id = await make('read line; echo got $line; trap "exit 7" TERM; while true; do sleep 0.05; done', {
      OpenStdin: true,
    });
    const attachment = await containers().attach(id, { stream: true, stdin: true });
    attachment.stdin?.write('hello\n');
    expect(await containers().start(id)).toBe(true);
    expect(await containers().start(id)).toBe(false);
    await expect.poll(() => logsOf(id)).toContain('got hello');
    attachment.close();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await containers().stop(id)).toBe(true);
    expect(await containers().stop(id)).toBe(false);
    expect((await containers().inspect(id)).State.ExitCode).toBe(7);
    await containers().restart(id);
    expect((await containers().inspect(id)).State.Running).toBe(true);
    await containers().kill(id);
    expect((await containers().inspect(id)).State.ExitCode).toBe(137);
    expect(events()).toContain('container restart');
    await containers().remove(id);
  });

  test('pause, unpause, refused removal, forced removal', async () => {
    const id = await make('sleep 100', {}, {}, { name: 'sleeper' });
    await containers().start(id);
    await containers().pause(id);
    expect((await containers().inspect(id)).State.Status).toBe('paused');
    await expect(containers().pause(id)).rejects.toMatchObject({ kind: 'conflict' });
    await containers().unpause(id);
    await expect(containers().remove(id)).rejects.toThrow(
      'cannot remove container "/sleeper": container is running: stop the container before removing or force remove',
    );
    await expect(make('true', {}, {}, { name: 'sleeper' })).rejects.toThrow('is already in use by container');
    await containers().rename(id, 'other');
    expect((await containers().inspect('other')).Id).toBe(id);
    const removed = containers().wait(id, { condition: 'removed' }).result;
    await containers().remove('other', { force: true });
    expect(await removed).toEqual({ exitCode: 137 });
  });

  test('goes by itself with AutoRemove, also when it cannot start', async () => {
    const id = await make('exit 4', {}, { AutoRemove: true });
    const removed = containers().wait(id, { condition: 'removed' }).result;
    await containers().start(id);
    expect((await removed).exitCode).toBe(4);
    await expect(containers().inspect(id)).rejects.toMatchObject({ kind: 'not-found' });

    const bad = await make('', { Cmd: ['nosuch'] }, { AutoRemove: true });
    await expect(containers().start(bad)).rejects.toThrow('executable file not found in $PATH');
    await expect(containers().inspect(bad)).rejects.toMatchObject({ kind: 'not-found' });
    const kept = await make('', { Cmd: ['nosuch'] });
    await expect(containers().start(kept)).rejects.toThrow('executable file not found');
    expect((await containers().inspect(kept)).State).toMatchObject({ Status: 'created', ExitCode: 127 });
    await containers().remove(kept);
    expect(bench.runtime.list()).toEqual([]);
  });

  test('restart policies: on-failure until the count is reached', async () => {
    const id = await make(
      'echo run; exit 1',
      {},
      { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 } },
    );
    const ended = containers().wait(id, { condition: 'not-running' });
    await ended.result;
    await containers().start(id);
    expect((await containers().wait(id).result).exitCode).toBe(1);
    expect((await logsOf(id)).split('run').length - 1).toBe(3);
    expect((await containers().inspect(id)).RestartCount).toBe(2);
    await containers().remove(id);
  });
});

describe.skipIf(!isRoot)('what a container gets (needs root)', () => {
  test('hostname, hosts, environment, user, directory, read-only root, tmpfs, limits', async () => {
    const id = await make(
      'hostname; cat /etc/hosts; echo $FROM_IMAGE $MINE $HOME; id; pwd; touch /x; touch /tmp/ok && echo wrote; ulimit -n',
      { Hostname: 'box', Env: ['MINE=2'], User: 'node', WorkingDir: '/data' },
      {
        ReadonlyRootfs: true,
        Tmpfs: { '/tmp': 'mode=1777' },
        Ulimits: [{ Name: 'nofile', Soft: 50, Hard: 60 }],
      },
    );
    const { text } = await runToEnd(id);
    expect(text).toContain('box\n');
    expect(text).toContain('10.9.8.7\tbox');
    expect(text).toContain('1 2 /home');
    expect(text).toContain('uid=1000(node) gid=1000(node) groups=50(staff),1000(node)');
    expect(text).toContain('/data\n');
    expect(text).toContain('Read-only file system');
    expect(text).toContain('wrote\n');
    expect(text).toContain('50\n');
    await containers().remove(id);
  });

  test('binds, named and anonymous volumes with the image’s content, volumes-from', async () => {
    const source = join(bench.path, 'source');
    mkdirSync(source);
    writeFileSync(join(source, 'f'), 'from host\n');
    const id = await make(
      'cat /b/f; echo x > /b/g; ls /named; echo kept > /named/k',
      { Volumes: { '/etc/anon': {} } },
      {
        Binds: [`${source}:/b:ro`, 'vol:/named'],
        Mounts: [{ Type: 'volume', Source: 'v2', Target: '/etc' }],
      },
      { name: 'withvol' },
    );
    const { text } = await runToEnd(id);
    expect(text).toContain('from host');
    expect(text).toContain("can't create /b/g: Read-only file system");
    const inspect = await containers().inspect(id);
    expect(inspect.Mounts.map(({ Type: type, Destination: to, RW: rw }) => [type, to, rw])).toEqual([
      ['bind', '/b', false],
      ['volume', '/named', true],
      ['volume', '/etc', true],
      ['volume', '/etc/anon', true],
    ]);
    const v2 = await bench.engine.volumes.inspect('v2');
    expect(readFileSync(join(v2.Mountpoint, 'passwd'), 'utf8')).toContain('node:');
    await expect(bench.engine.volumes.remove('vol')).rejects.toMatchObject({ kind: 'conflict' });

    const other = await make('cat /named/k; touch /named/z', {}, { VolumesFrom: ['withvol:ro'] });
    expect((await runToEnd(other)).text).toMatch(/kept\n.*Read-only/s);
    await containers().remove(other);
    await containers().remove(id, { volumes: true });
    expect((await bench.engine.volumes.list()).map(({ Name: name }) => name)).toEqual(['v2', 'vol']);
    expect((await bench.engine.volumes.prune({ all: ['true'] })).deleted.toSorted()).toEqual(['v2', 'vol']);
  });
});

describe.skipIf(!isRoot)('in a running container (needs root)', () => {
  let id: string;
  beforeAll(async () => {
    if (!isRoot) return;
    id = await make('echo begun; sleep 100', {}, { Binds: ['inner:/data'] });
    await containers().start(id);
  });
  afterAll(async () => {
    if (!isRoot) return;
    await containers().remove(id, { force: true });
    await bench.engine.volumes.remove('inner');
  });

  test('exec with input, exit code and inspect', async () => {
    const { id: exec } = await bench.engine.execs.create(id, {
      cmd: ['sh', '-c', 'cat; echo $FROM_IMAGE$X; exit 5'],
      env: ['X=y'],
      attachStdin: true,
      attachStdout: true,
    });
    const attachment = await bench.engine.execs.start(exec);
    attachment?.stdin?.end('in\n');
    expect((await textOf(attachment ?? { output: [] as never })).replaceAll('o:', '')).toBe('in\n1y\n');
    await expect.poll(() => bench.engine.execs.inspect(exec)).toMatchObject({ Running: false, ExitCode: 5 });
    await expect(bench.engine.execs.start(exec)).rejects.toMatchObject({ kind: 'conflict' });
    expect(events()).toEqual([
      'container exec_create: sh -c cat; echo $FROM_IMAGE$X; exit 5',
      'container exec_start: sh -c cat; echo $FROM_IMAGE$X; exit 5',
      'container exec_die',
    ]);
    const { id: missing } = await bench.engine.execs.create(id, { cmd: ['nosuch'] });
    await expect(bench.engine.execs.start(missing)).rejects.toThrow('executable file not found');
    expect((await bench.engine.execs.inspect(missing)).ExitCode).toBe(127);
  });

  test('top, stats', async () => {
    const { titles, processes } = await containers().top(id);
    expect(titles).toContain('PID');
    expect(processes.some((row) => row.at(-1)?.includes('sleep'))).toBe(true);
    const readings: Record<string, unknown>[] = [];
    for await (const reading of containers().stats(id, { stream: false, oneShot: true }))
      readings.push(reading);
    expect(readings).toHaveLength(1);
    expect(readings[0]).toMatchObject({ pids_stats: { current: expect.any(Number) } });
  });

  const put = async (path: string, entries: TarSource[]): Promise<void> =>
    containers().putArchive(id, { path, tar: Readable.from(writeTar(entries), { objectMode: false }) });

  const get = async (path: string): Promise<Record<string, string>> => {
    const found: Record<string, string> = {};
    const { tar } = await containers().getArchive(id, path);
    for await (const item of readTar(tar)) {
      found[item.entry.path] =
        item.entry.kind === 'file' ? (await item.bytes(1e6)).toString() : item.entry.kind;
    }
    return found;
  };

  test('archives go in and out, and never out of the root', async () => {
    const bytes = (text: string) => ({ size: text.length, content: Buffer.from(text) });
    await put('/tmp', [
      { path: 'd/', kind: 'directory' },
      { path: 'd/f', kind: 'file', mode: 0o600, uid: 5, ...bytes('content') },
      { path: 'd/l', kind: 'symlink', linkName: '/etc/passwd' },
      { path: 'd/h', kind: 'hardlink', linkName: 'd/f' },
      { path: 'out', kind: 'symlink', linkName: '../../../../../../tmp' },
      { path: 'out/escaped-by-lade-test', kind: 'file', ...bytes('x') },
    ]);
    expect(existsSync('/tmp/escaped-by-lade-test')).toBe(false);
    expect(await get('/tmp/d')).toEqual({
      'd/': 'directory',
      'd/f': 'content',
      'd/h': 'hardlink',
      'd/l': 'symlink',
    });
    expect(Object.keys(await get('/tmp/d/.'))).toEqual(['./', './f', './h', './l']);
    expect(await containers().statPath(id, '/tmp/d/l')).toMatchObject({
      name: 'l',
      linkTarget: '/etc/passwd',
    });
    expect(await containers().statPath(id, '/tmp/d/f')).toMatchObject({
      size: 7,
      mode: 0o600,
      linkTarget: '',
    });
    await expect(put('/tmp', [{ path: '../../x', kind: 'file', ...bytes('x') }])).rejects.toMatchObject({
      kind: 'invalid-argument',
    });
    await expect(containers().statPath(id, '/nosuch')).rejects.toMatchObject({ kind: 'not-found' });
    await expect(put('/etc/passwd', [])).rejects.toMatchObject({ kind: 'invalid-argument' });
    await put('/data', [{ path: 'v', kind: 'file', ...bytes('in volume') }]);
    expect(readFileSync(join(bench.path, 'volumes/inner/_data/v'), 'utf8')).toBe('in volume');
  });

  test('diff shows what changed and nothing else; export has it; commit makes an image of it', async () => {
    const before = await containers().changes(id);
    expect(before.map(({ path }) => path)).not.toContain('/etc');
    const { id: exec } = await bench.engine.execs.create(id, {
      cmd: ['sh', '-c', 'echo hi > /home/new; rm /etc/group'],
    });
    const attachment = await bench.engine.execs.start(exec);
    if (attachment !== undefined) await textOf(attachment);
    const changed = await containers().changes(id);
    expect(changed).toContainEqual({ path: '/home/new', kind: 1 });
    expect(changed).toContainEqual({ path: '/etc/group', kind: 2 });
    const names: string[] = [];
    for await (const item of readTar(await containers().exportTar(id))) names.push(item.entry.path);
    expect(names).toContain('home/new');
    expect(names).not.toContain('etc/group');
    const { imageId } = await containers().commit(id, {
      reference: 'committed:1',
      message: 'm',
      changes: ['CMD ["cat", "/home/new"]', 'ENV A=b', 'EXPOSE 80'],
    });
    expect((await containers().inspect(id)).State.Status).toBe('running');
    const image = await bench.images.resolve(imageId);
    expect(image.config.config).toMatchObject({ Cmd: ['cat', '/home/new'], ExposedPorts: { '80/tcp': {} } });
    expect(image.config.history.at(-1)).toMatchObject({ comment: 'm', emptyLayer: false });
    const run = await containers().create({ config: { Image: 'committed:1' } });
    expect((await runToEnd(run.id)).text).toBe('o:hi\n');
    await containers().remove(run.id);
  });
});

describe.skipIf(!isRoot)('health (needs root)', () => {
  test('turns healthy and unhealthy, with events', async () => {
    const id = await make(
      'touch /ok; sleep 100',
      { Healthcheck: { Test: ['CMD-SHELL', 'test -e /ok && echo fine'], Interval: 1e8, Retries: 2 } },
      {},
    );
    await containers().start(id);
    const status = async () => (await containers().inspect(id)).State.Health;
    expect((await status())?.Status).toBe('starting');
    await expect.poll(status).toMatchObject({ Status: 'healthy' });
    expect((await status())?.Log[0]).toMatchObject({ ExitCode: 0, Output: 'fine\n' });
    const { id: exec } = await bench.engine.execs.create(id, { cmd: ['rm', '/ok'] });
    await bench.engine.execs.start(exec, { detach: true });
    await expect.poll(status).toMatchObject({ Status: 'unhealthy' });
    expect(events()).toContain('container health_status: healthy');
    expect(events()).toContain('container health_status: unhealthy');
    await containers().remove(id, { force: true });
  });
});

describe.skipIf(!isRoot)('another engine on the same root (needs root)', () => {
  test('finds what runs and what ended meanwhile', async () => {
    const runs = await make('echo a; sleep 4; echo b; exit 6');
    const ends = await make('sleep 0.3; exit 8', {}, { AutoRemove: true });
    const always = await make('sleep 0.2', {}, { RestartPolicy: { Name: 'always' } });
    for (const id of [runs, ends, always]) await containers().start(id);
    await bench.engine[Symbol.asyncDispose]();
    await new Promise((resolve) => setTimeout(resolve, 600));
    await bench.reopen();
    expect((await containers().inspect(runs)).State.Running).toBe(true);
    const found = () =>
      containers()
        .inspect(ends)
        .then(
          () => 'there',
          (error: unknown) => toLadeError(error).kind,
        );
    await expect.poll(found).toBe('not-found');
    await expect.poll(async () => (await containers().inspect(always)).RestartCount).toBeGreaterThan(0);
    expect((await containers().wait(runs).result).exitCode).toBe(6);
    expect(await logsOf(runs)).toBe('o:a\no:b\n');
    for (const id of [runs, always]) await containers().remove(id, { force: true });
  });
});
