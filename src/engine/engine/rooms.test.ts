import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toLadeError } from '#errors';
import { importBusybox, mountsBelow, openRooms, type Rooms } from './testing/rooms.ts';

const isRoot = process.getuid?.() === 0;
const IMAGE = 'busybox:rooms';

/** A web server of one line for each request, after it has read a line. */
const SERVER =
  'read x; echo got $x; while true; do echo -en "HTTP/1.0 200 OK\\r\\n\\r\\nhello\\n" | nc -l -p 80; done';

let path: string;

/** Takes away whatever a failed test left running. */
const clearRoot = async (): Promise<void> => {
  if (!existsSync(join(path, 'lade.db'))) return;
  await using rooms = await openRooms(path);
  for (const { Id: id } of await rooms.engine.containers.list({ all: true })) {
    await rooms.engine.containers.remove(id, { force: true });
  }
};

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'lr-'));
});
afterEach(async () => {
  if (isRoot) await clearRoot();
  expect(mountsBelow(path)).toEqual([]);
  rmSync(path, { recursive: true, force: true });
});

const logsOf = async (rooms: Rooms, id: string): Promise<string> => {
  let text = '';
  const logs = await rooms.engine.containers.logs(id, { stdout: true, stderr: true });
  for await (const { data } of logs.output) text += data.toString();
  return text;
};

/** Runs a script in a process of its own that has every room open, until it prints a line. */
const inOtherProcess = async (script: string): Promise<{ child: ChildProcess; line: string }> => {
  const code = `
    import { openRooms, importBusybox } from '${new URL('./testing/rooms.ts', import.meta.url).pathname}';
    const rooms = await openRooms(${JSON.stringify(path)});
    const { containers } = rooms.engine;
    const IMAGE = ${JSON.stringify(IMAGE)};
    ${script}
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', code], {
    cwd: new URL('../../..', import.meta.url).pathname,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout?.once('data', (data: Buffer) => resolve(data.toString().trim()));
    child.once('exit', (code_) => reject(new Error(`ended with ${code_}`)));
  });
  return { child, line };
};

const killed = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.removeAllListeners('exit');
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });

describe.skipIf(!isRoot)('the engine on the real rooms (needs root)', () => {
  test('create, start, attach, exec, stop, commit, remove, with a network and a published port', async () => {
    await using rooms = await openRooms(path);
    const { containers, execs } = rooms.engine;
    await importBusybox(rooms.library, IMAGE);
    const { id } = await containers.create({
      name: 'web',
      config: {
        Image: IMAGE,
        Cmd: ['sh', '-c', SERVER],
        OpenStdin: true,
        ExposedPorts: { '80/tcp': {} },
        StopTimeout: 0,
      },
      hostConfig: { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } },
    });
    const attachment = await containers.attach(id, { stream: true, stdin: true });
    await containers.start(id);
    attachment.stdin?.write('input\n');
    const first = await attachment.output[Symbol.asyncIterator]().next();
    expect(first.value?.data.toString()).toBe('got input\n');
    attachment.close();

    const inspect = await containers.inspect('web');
    const port = inspect.NetworkSettings.Ports['80/tcp']?.[0]?.HostPort ?? '';
    expect(inspect.NetworkSettings.IPAddress).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    await expect.poll(async () => (await fetch(`http://127.0.0.1:${port}/`)).text()).toContain('hello');

    const { id: exec } = await execs.create(id, {
      cmd: ['sh', '-c', 'echo changed > /home/f; cat /etc/hosts'],
    });
    let text = '';
    for await (const { data } of (await execs.start(exec))?.output ?? []) text += data.toString();
    expect(text).toContain(inspect.NetworkSettings.IPAddress);

    await containers.stop(id);
    expect((await containers.inspect(id)).State.Status).toBe('exited');
    expect(await containers.changes(id)).toEqual([
      { path: '/home', kind: 0 },
      { path: '/home/f', kind: 1 },
    ]);
    const { imageId } = await containers.commit(id, {
      reference: 'web:2',
      changes: ['CMD ["cat", "/home/f"]', 'ENTRYPOINT []'],
    });
    expect(rooms.library.resolve('web:2').id).toBe(imageId);
    expect(rooms.library.history('web:2').map(({ Size: size }) => size > 0)).toEqual([true, true]);
    await expect(rooms.library.remove('web:2')).resolves.toBeDefined();
    await expect(rooms.library.remove(IMAGE)).rejects.toMatchObject({ kind: 'conflict' });
    await containers.remove(id);
    await rooms.library.remove(IMAGE);
    expect(await containers.list({ all: true })).toEqual([]);
    expect(rooms.layers.snapshots()).toEqual([]);
    expect(existsSync(`/sys/fs/cgroup/pids/lade/${id}`)).toBe(false);
  });

  test('an occupied port is a conflict that leaves nothing; the container can start when it is free', async () => {
    await using rooms = await openRooms(path);
    const { containers } = rooms.engine;
    await importBusybox(rooms.library, IMAGE);
    const make = async (port: string): Promise<string> => {
      const config = { Image: IMAGE, Cmd: ['sleep', '100'] };
      const PortBindings = { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: port }] };
      return (await containers.create({ config, hostConfig: { PortBindings } })).id;
    };
    const first = await make('');
    await containers.start(first);
    const port = (await containers.inspect(first)).NetworkSettings.Ports['80/tcp']?.[0]?.HostPort ?? '';
    const second = await make(port);
    await expect(containers.start(second)).rejects.toMatchObject({ kind: 'conflict' });
    expect(rooms.runtime.list()).toEqual([first]);
    expect(rooms.networks.endpoints(second)).toEqual([]);
    expect((await containers.inspect(second)).State).toMatchObject({ Status: 'created', ExitCode: 128 });
    await containers.remove(first, { force: true });
    await containers.start(second);
    expect((await containers.inspect(second)).State.Running).toBe(true);
    await containers.remove(second, { force: true });
  });

  test('a container survives a killed daemon: output, exit code, network, --rm', async () => {
    const { child, line } = await inOtherProcess(`
      await importBusybox(rooms.library, IMAGE);
      const ids = [];
      for (const hostConfig of [{}, { AutoRemove: true }]) {
        const config = { Image: IMAGE, Cmd: ['sh', '-c', 'echo one; sleep 2; echo two; exit 42'] };
        const { id } = await containers.create({ config, hostConfig });
        await containers.start(id);
        ids.push(id);
      }
      console.log(ids.join(' '));
    `);
    await killed(child);
    const [kept = '', removed = ''] = line.split(' ');
    await using rooms = await openRooms(path);
    const { containers } = rooms.engine;
    const running = await containers.inspect(kept);
    expect(running.State.Running).toBe(true);
    expect(running.NetworkSettings.IPAddress).not.toBe('');
    const gone = containers.wait(removed, { condition: 'removed' });
    expect(await containers.wait(kept).result).toEqual({ exitCode: 42 });
    expect(await logsOf(rooms, kept)).toBe('one\ntwo\n');
    expect(await gone.result).toEqual({ exitCode: 42 });
    await containers.remove(kept);
  });

  test('a container with --rm that ended while no daemon was there goes when the next one opens', async () => {
    const { child, line: id } = await inOtherProcess(`
      await importBusybox(rooms.library, IMAGE);
      const config = { Image: IMAGE, Cmd: ['sleep', '0.3'] };
      const { id } = await containers.create({ config, hostConfig: { AutoRemove: true } });
      await containers.start(id);
      console.log(id);
    `);
    await killed(child);
    await new Promise((resolve) => setTimeout(resolve, 600));
    {
      await using rooms = await openRooms(path);
      const inspected = () =>
        rooms.engine.containers.inspect(id).then(
          () => 'there',
          (error: unknown) => toLadeError(error).kind,
        );
      await expect.poll(inspected).toBe('not-found');
    }
    await using rooms = await openRooms(path);
    expect(rooms.layers.snapshots()).toEqual([]);
    await rooms.library.remove(IMAGE);
  });

  test.each(['create', 'start', 'remove'])('a kill in the middle of %s leaves a clean root', async (step) => {
    const { child } = await inOtherProcess(`
      await importBusybox(rooms.library, IMAGE);
      const config = { Image: IMAGE, Cmd: ['sleep', '100'] };
      const make = (name) => containers.create({ name, config });
      if (${JSON.stringify(step)} !== 'create') await make('cc');
      if (${JSON.stringify(step)} === 'remove') await containers.start('cc');
      const acts = { create: () => make('cc'), start: () => containers.start('cc'), remove: () => containers.remove('cc', { force: true }) };
      acts[${JSON.stringify(step)}]();
      setTimeout(() => console.log('now'), Math.random() * 60);
    `);
    await killed(child);
    {
      await using rooms = await openRooms(path);
      const { containers } = rooms.engine;
      const listed = await containers.list({ all: true });
      expect(listed.length).toBeLessThanOrEqual(1);
      for (const { Id: id } of listed) {
        await containers.start(id);
        expect((await containers.inspect(id)).State.Running).toBe(true);
        await containers.remove(id, { force: true });
      }
      expect(rooms.layers.snapshots()).toEqual([]);
      expect(rooms.runtime.list()).toEqual([]);
      await rooms.library.remove(IMAGE);
    }
  });
});
