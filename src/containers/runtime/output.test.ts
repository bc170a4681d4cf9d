import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRuntime } from './runtime.ts';
import { makeBusyboxRoot } from './testing.ts';
import { toRuntimeProcess, toRuntimeSpec } from './to-runtime-spec.ts';
import type { ProcessInput, Runtime, Session } from './types.ts';

const isRoot = process.getuid?.() === 0;
const STRACE = '/usr/bin/strace';
/** It may be there and not be allowed to trace. */
const traces = isRoot && spawnSync(STRACE, ['-qq', '-o', '/dev/null', 'true']).status === 0;

let base: string;
let rootfs: string;
let counter = 0;
const runtimes: Runtime[] = [];

/** A runtime under `conmon`, a program's name or a script that starts it. */
const openRuntime = (conmon?: string): Runtime => {
  counter += 1;
  const place = join(base, String(counter));
  const runtime = createRuntime({ root: `${place}-root`, runDirectory: `${place}-run`, conmon });
  runtimes.push(runtime);
  return runtime;
};

/** Half a second passes between conmon's look at what came in and its look at who ended. */
const absentMinded = (): string => {
  const path = join(base, 'conmon');
  const inject = '-e trace=wait4 -e inject=wait4:delay_enter=500000:when=2';
  writeFileSync(path, `#!/bin/sh\nexec ${STRACE} -D -f -qq -o /dev/null ${inject} conmon "$@"\n`);
  chmodSync(path, 0o755);
  return path;
};

beforeAll(() => {
  if (!isRoot) return;
  base = mkdtempSync(join(tmpdir(), 'lo-'));
  rootfs = join(base, 'rootfs');
  makeBusyboxRoot(rootfs);
});

afterAll(async () => {
  if (!isRoot) return;
  for (const runtime of runtimes) {
    for (const id of runtime.list()) await runtime.delete(id);
    await runtime[Symbol.asyncDispose]();
  }
  rmSync(base, { recursive: true, force: true });
});

const shell = (script: string): ProcessInput => ({ args: ['/bin/sh', '-c', script], env: [] });

const make = async (runtime: Runtime, process: ProcessInput, openStdin = false): Promise<string> => {
  counter += 1;
  const id = `o${globalThis.process.pid}-${counter}`;
  const spec = toRuntimeSpec({ id, rootfs, hostname: 'box', process }, runtime.host);
  await runtime.create({ id, spec, openStdin, logPath: join(base, `${id}.log`) });
  return id;
};

const collect = async (session: Session): Promise<string> => {
  let text = '';
  for await (const { data } of session.output) text += data.toString('latin1');
  return text;
};

/** Nothing of this process goes on meanwhile, as when it gets no processor. */
const sleepWithoutTurn = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
};

describe.skipIf(!traces)('a monitor that looks away (needs root, and strace that may trace)', () => {
  test.each([false, true])('a short command is heard (terminal: %s)', async (terminal) => {
    const runtime = openRuntime(absentMinded());
    const id = await make(runtime, { ...shell('echo out'), terminal });
    const heard = collect(await runtime.attach(id));
    await runtime.start(id);
    expect((await runtime.waitExit(id)).exitCode).toBe(0);
    expect((await heard).trim()).toBe('out');
  });

  test.each([false, true])('a short exec is heard (terminal: %s)', async (terminal) => {
    const runtime = openRuntime(absentMinded());
    const id = await make(runtime, shell('sleep 100'));
    await runtime.start(id);
    const process = toRuntimeProcess({ ...shell('echo out; exit 4'), terminal }, {}, runtime.host);
    const session = await runtime.exec(id, { process });
    expect((await collect(session)).trim()).toBe('out');
    expect(await session.exit).toMatchObject({ exitCode: 4 });
  });
});

describe.skipIf(!isRoot)('input that nobody reads (needs root)', () => {
  test('cuts no output when the process ends', async () => {
    const runtime = openRuntime();
    const id = await make(runtime, shell('echo one; echo two >&2; head -c 100000 /dev/zero'), true);
    const session = await runtime.attach(id);
    const heard = collect(session);
    session.stdin?.write(Buffer.alloc(1024 * 1024, 'input\n'));
    await runtime.start(id);
    while (runtime.state(id).kind === 'running') sleepWithoutTurn(10);
    sleepWithoutTurn(100);
    const text = await heard;
    expect(text).toContain('one\n');
    expect(text).toContain('two\n');
    expect(text.length).toBe(8 + 100_000);
  });
});
