import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runtimeErrors } from './errors.ts';
import { readLogs } from './logs.ts';
import { createRuntime } from './runtime.ts';
import { makeBusyboxRoot } from './testing.ts';
import { toRuntimeProcess, toRuntimeSpec } from './to-runtime-spec.ts';
import type { OutputChunk, ProcessInput, Runtime, Session, SpecInput } from './types.ts';

const isRoot = process.getuid?.() === 0;

let base: string;
let rootfs: string;
let runtime: Runtime;
let counter = 0;

beforeAll(() => {
  if (!isRoot) return;
  base = mkdtempSync(join(tmpdir(), 'lr-'));
  rootfs = join(base, 'rootfs');
  makeBusyboxRoot(rootfs);
  runtime = createRuntime({ root: join(base, 'root'), runDirectory: join(base, 'run') });
});

afterAll(async () => {
  if (!isRoot) return;
  for (const id of runtime.list()) await runtime.delete(id);
  await runtime[Symbol.asyncDispose]();
  rmSync(base, { recursive: true, force: true });
});

const shell = (script: string): ProcessInput => ({ args: ['/bin/sh', '-c', script], env: [] });

const logOf = (id: string): string => join(base, `${id}.log`);

const make = async (
  process: ProcessInput,
  extra: Partial<SpecInput> & { openStdin?: boolean; stdinOnce?: boolean } = {},
): Promise<string> => {
  counter += 1;
  const { openStdin, stdinOnce, ...input } = extra;
  const id = `t${globalThis.process.pid}-${counter}`;
  const spec = toRuntimeSpec({ id, rootfs, hostname: 'box', process, ...input }, runtime.host);
  await runtime.create({ id, spec, openStdin, stdinOnce, logPath: logOf(id) });
  return id;
};

const collect = async (session: Session): Promise<Record<OutputChunk['stream'], string>> => {
  const text = { stdout: '', stderr: '' };
  for await (const { stream, data } of session.output) text[stream] += data.toString('utf8');
  return text;
};

const logText = async (id: string, options = {}): Promise<string> => {
  let text = '';
  for await (const record of readLogs(logOf(id), options))
    text += `${record.stream}:${record.data.toString()}`;
  return text;
};

describe.skipIf(!isRoot)('a container under conmon (needs root)', () => {
  test('starts, is heard, ends with its exit code, and leaves nothing', async () => {
    const id = await make(shell('echo out; echo err >&2; exit 3'));
    expect(runtime.state(id).kind).toBe('created');
    const session = await runtime.attach(id);
    const heard = collect(session);
    await runtime.start(id);
    expect(await runtime.waitExit(id)).toMatchObject({ exitCode: 3, oomKilled: false });
    expect(await heard).toEqual({ stdout: 'out\n', stderr: 'err\n' });
    expect(await logText(id)).toContain('stdout:out\n');
    expect(runtime.state(id).kind).toBe('exited');
    const group = `/sys/fs/cgroup/pids/lade/${id}`;
    expect(existsSync(group) || runtime.host.cgroup === 'v2').toBe(true);
    await runtime.delete(id);
    expect(existsSync(group)).toBe(false);
    expect(runtime.list()).not.toContain(id);
    expect(() => runtime.state(id)).toThrow();
    await runtime.delete(id);
  });

  test('reads standard input to its end', async () => {
    const id = await make(shell('cat; echo done'), { openStdin: true, stdinOnce: true });
    const session = await runtime.attach(id);
    const heard = collect(session);
    await runtime.start(id);
    const big = `${'x'.repeat(99_999)}\n`;
    session.stdin?.write(big);
    session.stdin?.end('last\n');
    expect((await heard).stdout).toBe(`${big}last\ndone\n`);
    expect((await runtime.waitExit(id)).exitCode).toBe(0);
  });

  test('has a terminal of the wanted size, which follows a resize, and outlives a detach', async () => {
    const id = await make(
      {
        ...shell('stty size; read x; stty size; read y; echo got $y'),
        terminal: true,
        consoleSize: { rows: 30, cols: 99 },
      },
      { openStdin: true },
    );
    const first = await runtime.attach(id);
    const heard = collect(first);
    await runtime.start(id);
    await expect.poll(() => logText(id)).toContain('30 99');
    await runtime.resize(id, { rows: 11, cols: 22 });
    first.stdin?.write('go\n');
    await expect.poll(() => logText(id)).toContain('11 22');
    first.close();
    await heard;
    const second = await runtime.attach(id);
    const heardAgain = collect(second);
    second.stdin?.write('again\n');
    expect((await runtime.waitExit(id)).exitCode).toBe(0);
    expect((await heardAgain).stdout).toContain('got again');
  });

  test('confines: capabilities, seccomp, masked paths, read-only /proc/sys, user', async () => {
    const id = await make({
      ...shell(
        'grep -E "CapBnd|Seccomp:" /proc/self/status; id; cat /proc/interrupts | wc -c; echo 1 > /proc/sys/kernel/hostname; mount -t tmpfs x /tmp; hostname; ls /sys/firmware | wc -l',
      ),
      user: { uid: 0, gid: 0, additionalGids: [10], home: '/root' },
    });
    await runtime.start(id);
    await runtime.waitExit(id);
    const text = await logText(id);
    expect(text).toContain('CapBnd:\t00000000a80425fb');
    expect(text).toContain('Seccomp:\t2');
    expect(text).toContain('groups=10(wheel)');
    expect(text).toMatch(/stdout:0\n/);
    expect(text).toMatch(/Read-only file system/);
    expect(text).toMatch(/permission denied|Operation not permitted/i);
    expect(text).toContain('stdout:box\n');
  });

  test('names a command that is not there, and leaves nothing', async () => {
    const before = runtime.list();
    const error = await make({ args: ['nosuch'], env: [] }).catch((caught: unknown) => caught);
    expect(runtimeErrors.commandNotFound.is(error)).toBe(true);
    expect(String(error)).toContain('executable file not found in $PATH');
    expect(runtime.list()).toEqual(before);
    const notExecutable = await make({ args: ['/etc/passwd'], env: [] }).catch((caught: unknown) => caught);
    expect(runtimeErrors.commandNotExecutable.is(notExecutable)).toBe(true);
  });

  test('is signalled, paused, resumed; SIGKILL reaches it when paused', async () => {
    const id = await make(shell('trap "exit 5" TERM; echo ready; while true; do sleep 0.05; done'));
    await runtime.start(id);
    await runtime.pause(id);
    expect(runtime.state(id).kind).toBe('paused');
    await runtime.resume(id);
    expect(runtime.state(id).kind).toBe('running');
    await expect.poll(() => logText(id)).toContain('ready');
    await runtime.kill(id, 'SIGTERM');
    expect((await runtime.waitExit(id)).exitCode).toBe(5);

    const other = await make(shell('sleep 100'));
    await runtime.start(other);
    await runtime.pause(other);
    await runtime.kill(other, 'SIGKILL');
    expect((await runtime.waitExit(other)).exitCode).toBe(137);
    await expect(runtime.kill(other, 'SIGKILL')).rejects.toMatchObject({ kind: 'conflict' });
  });

  test('runs further processes, with and without a terminal', async () => {
    const id = await make(shell('sleep 100'));
    await runtime.start(id);
    const processOf = (input: ProcessInput) => toRuntimeProcess(input, {}, runtime.host);
    const plain = await runtime.exec(id, {
      process: processOf(shell('cat; echo e >&2; exit 7')),
      openStdin: true,
    });
    const heard = collect(plain);
    plain.stdin?.end('in');
    expect(await heard).toEqual({ stdout: 'in', stderr: 'e\n' });
    expect(await plain.exit).toMatchObject({ exitCode: 7 });

    const terminal = await runtime.exec(id, {
      process: processOf({
        ...shell('stty size; exit 1'),
        terminal: true,
        consoleSize: { rows: 5, cols: 6 },
      }),
    });
    expect((await collect(terminal)).stdout).toContain('5 6');
    expect(await terminal.exit).toMatchObject({ exitCode: 1 });

    const missing = await runtime
      .exec(id, { process: processOf({ args: ['nosuch'], env: [] }) })
      .catch((caught: unknown) => caught);
    expect(runtimeErrors.commandNotFound.is(missing)).toBe(true);
    expect(readdirSync(join(base, 'run', 'e'))).toEqual([]);
    expect(runtime.processes(id).length).toBe(1);
    expect(runtime.stats(id).pids.current).toBe(1);
    await runtime.delete(id);
  });

  test('has a terminal without standard input; killed for memory, it says so', async () => {
    const id = await make({ ...shell('tty && echo yes'), terminal: true });
    await runtime.start(id);
    await runtime.waitExit(id);
    expect(await logText(id)).toContain('yes');
    const hungry = await make(shell('tail /dev/zero'), { resources: { memoryBytes: 8 * 1024 * 1024 } });
    await runtime.start(hungry);
    expect(await runtime.waitExit(hungry)).toMatchObject({ exitCode: 137, oomKilled: true });
  });

  test('is bounded by its resources and limits', async () => {
    const id = await make(shell('ulimit -n; sleep 100'), {
      resources: { memoryBytes: 32 * 1024 * 1024, nanoCpus: 5e8, pids: 10 },
      rlimits: [{ name: 'nofile', soft: 77, hard: 99_999_999 }],
    });
    await runtime.start(id);
    await expect.poll(() => logText(id)).toContain('stdout:77');
    const stats = runtime.stats(id);
    expect(stats.memory.limitBytes).toBe(32 * 1024 * 1024);
    expect(stats.pids.limit).toBe(10);
    if (runtime.host.cgroup === 'v1') {
      expect(readFileSync(`/sys/fs/cgroup/cpu/lade/${id}/cpu.cfs_quota_us`, 'utf8').trim()).toBe('50000');
    }
    await runtime.delete(id);
  });
});

describe.skipIf(!isRoot)('a foreground run (needs root)', () => {
  const run = (process: ProcessInput, signal?: AbortSignal, extra: Partial<SpecInput> = {}) => {
    counter += 1;
    const id = `f${globalThis.process.pid}-${counter}`;
    let text = '';
    const spec = toRuntimeSpec({ id, rootfs, process, ...extra }, runtime.host);
    const result = runtime.run({
      id,
      spec,
      signal,
      onOutput: ({ stream, data }) => {
        text += `${stream}:${data.toString('utf8')}`;
      },
    });
    return { id, result, text: () => text };
  };

  test('gives output and exit code', async () => {
    const { result, text } = run(shell('echo a; exit 9'));
    expect(await result).toMatchObject({ exitCode: 9 });
    expect(text()).toBe('stdout:a\n');
  });

  test('says that it was killed for memory, and leaves nothing', async () => {
    const resources = { memoryBytes: 8 * 1024 * 1024 };
    const hungry = run(shell('tail /dev/zero'), undefined, { resources });
    expect(await hungry.result).toMatchObject({ oomKilled: true });
    const modest = run(shell('exit 7'), undefined, { resources });
    expect(await modest.result).toMatchObject({ exitCode: 7, oomKilled: false });
    expect(existsSync(`/sys/fs/cgroup/memory/lade/${hungry.id}`)).toBe(false);
    expect(runtime.list()).not.toContain(modest.id);
  });

  test('is killed by its signal', async () => {
    const abort = new AbortController();
    const { id, result, text } = run(shell('echo up; sleep 100'), abort.signal);
    await expect.poll(text).toContain('up');
    abort.abort();
    await expect(result).rejects.toMatchObject({ kind: 'cancelled' });
    expect(existsSync(`/sys/fs/cgroup/pids/lade/${id}`)).toBe(false);
  });

  test('does not begin where its signal came while it was prepared', async () => {
    const abort = new AbortController();
    const id = `f${globalThis.process.pid}-early`;
    const spec = toRuntimeSpec({ id, rootfs, process: shell('echo up; sleep 100') }, runtime.host);
    let text = '';
    const result = runtime.run({
      id,
      get spec() {
        abort.abort();
        return spec;
      },
      signal: abort.signal,
      onOutput: ({ data }) => {
        text += data.toString('utf8');
      },
    });
    await expect(result).rejects.toMatchObject({ kind: 'cancelled' });
    expect(text).toBe('');
  });

  test('names what is missing', async () => {
    await expect(run({ args: ['/nosuch'], env: [] }).result).rejects.toMatchObject({
      code: runtimeErrors.commandNotFound.code,
    });
  });
});

describe.skipIf(!isRoot)('another process (needs root)', () => {
  test('finds what a killed one began: output and exit code', async () => {
    const script = `
      import { createRuntime, toRuntimeSpec } from '#runtime';
      const runtime = createRuntime({ root: ${JSON.stringify(join(base, 'root'))}, runDirectory: ${JSON.stringify(join(base, 'run'))} });
      const process = { args: ['/bin/sh', '-c', 'echo one; sleep 1; echo two; exit 42'], env: [] };
      const spec = toRuntimeSpec({ id: 'survivor', rootfs: ${JSON.stringify(rootfs)}, process }, runtime.host);
      await runtime.create({ id: 'survivor', spec, logPath: ${JSON.stringify(logOf('survivor'))} });
      await runtime.start('survivor');
      console.log('started');
      setInterval(() => {}, 1000);
    `;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
      cwd: new URL('../../..', import.meta.url).pathname,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()));
    child.kill('SIGKILL');
    const waited = runtime.waitExit('survivor');
    expect(runtime.state('survivor').kind).toBe('running');
    expect((await waited).exitCode).toBe(42);
    expect(await logText('survivor')).toBe('stdout:one\nstdout:two\n');
  });
});
