import { execFileSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createWorkerPool, followFile, hashFile, workerUrl } from './index.ts';
import type { SampleRequest } from './testing/sample-jobs.ts';

const samplePool = (
  size: number,
  options: { idleMs?: number; jobsPerWorker?: number; crowd?: number } = {},
) =>
  createWorkerPool<SampleRequest, number>({
    url: workerUrl(import.meta.url, 'testing/sample-jobs'),
    name: 'sample',
    size,
    ...options,
  });

/** Which of two jobs ends first on one thread: one that sleeps, or one that is asked for after it. */
const firstToEnd = async (jobsPerWorker: number): Promise<'sleep' | 'echo'> => {
  await using pool = samplePool(1, { jobsPerWorker });
  const controller = new AbortController();
  const ms = jobsPerWorker === 1 ? 200 : 3_600_000;
  const sleeping = pool.run({ kind: 'sleep', ms }, { signal: controller.signal });
  const echoing = pool.run({ kind: 'echo', value: 0 });
  const first = await Promise.race([
    sleeping.then(() => 'sleep' as const),
    echoing.then(() => 'echo' as const),
  ]);
  controller.abort();
  await Promise.allSettled([sleeping, echoing]);
  return first;
};
/** Threads of the sample pools of this process. */
const threads = (): number =>
  readdirSync('/proc/self/task').filter((id) => {
    try {
      return readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim() === 'sample';
    } catch {
      return false;
    }
  }).length;
const judge = (path: string, tool = 'sha256sum'): string =>
  execFileSync(tool, [path], { encoding: 'utf8' }).split(' ')[0] ?? '';

describe('worker pool', () => {
  test('answers every request with its own result', async () => {
    await using pool = samplePool(2);
    const values = Array.from({ length: 50 }, (_, value) => value);
    const results = await Promise.all(values.map((value) => pool.run({ kind: 'echo', value })));
    expect(results).toEqual(values);
  });

  test('carries a LadeError whole', async () => {
    await using pool = samplePool(1);
    await expect(pool.run({ kind: 'fail' })).rejects.toMatchObject({
      name: 'LadeError',
      kind: 'conflict',
      code: 'WORK_SAMPLE_REFUSED',
      hint: 'ask again',
      details: { what: 'it' },
    });
  });

  test('crowds a thread as told before it starts another', async () => {
    const controller = new AbortController();
    await using pool = samplePool(2, { crowd: 2, jobsPerWorker: 4 });
    const sleep = (): Promise<number> =>
      pool.run({ kind: 'sleep', ms: 3_600_000 }, { signal: controller.signal });
    const sleeping = [sleep(), sleep()];
    await vi.waitFor(() => expect(threads()).toBe(1));
    sleeping.push(sleep());
    await vi.waitFor(() => expect(threads()).toBe(2));
    controller.abort();
    await Promise.allSettled(sleeping);
  });

  test('gives threads that share jobs about the same weight', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    await using pool = samplePool(2, { jobsPerWorker: 2 });
    const sleep = (weight: number): Promise<number> =>
      pool.run({ kind: 'sleep', ms: 3_600_000 }, { signal, weight });
    // Both light ones fill the second thread, so that what follows has to go to the first.
    const sleeping = [sleep(10), sleep(1), sleep(1)];
    const last = pool.run({ kind: 'echo', value: 7 });
    await expect(last).resolves.toBe(7);
    controller.abort();
    await Promise.allSettled(sleeping);
  });

  test('runs no more jobs at once than it has threads, unless told', async () => {
    expect(await firstToEnd(1)).toBe('sleep');
    expect(await firstToEnd(2)).toBe('echo');
  });

  test('an abort rejects at once and stops a busy loop', async () => {
    await using pool = samplePool(1);
    const controller = new AbortController();
    const spinning = pool.run({ kind: 'spin' }, { signal: controller.signal });
    const waiting = pool.run({ kind: 'echo', value: 1 }, { signal: AbortSignal.timeout(50) });
    await expect(waiting).rejects.toMatchObject({ kind: 'cancelled' });
    controller.abort();
    await expect(spinning).rejects.toMatchObject({ kind: 'cancelled' });
    await expect(pool.run({ kind: 'echo', value: 2 })).resolves.toBe(2);
  });

  test('jobs that a busy loop finds on its way out run, and those that were given up do not', async () => {
    await using pool = samplePool(1, { jobsPerWorker: 4 });
    const cell = new Int32Array(new SharedArrayBuffer(4));
    const [busy, given] = [new AbortController(), new AbortController()];
    await pool.run({ kind: 'echo', value: 0 });
    const spinning = pool.run({ kind: 'spin' }, { signal: busy.signal });
    await setTimeout(20);
    const marked = pool.run({ kind: 'mark', cell }, { signal: given.signal });
    const echoed = pool.run({ kind: 'echo', value: 1 });
    given.abort();
    busy.abort();
    await Promise.all([expect(spinning).rejects.toThrow(), expect(marked).rejects.toThrow()]);
    await expect(echoed).resolves.toBe(1);
    await expect(pool.run({ kind: 'echo', value: 2 })).resolves.toBe(2);
    expect(Atomics.load(cell, 0)).toBe(0);
  });

  test('a job leaves no listener on its signal, whether it waited or not', async () => {
    await using pool = samplePool(1);
    const { signal } = new AbortController();
    await Promise.all([1, 2, 3].map((value) => pool.run({ kind: 'echo', value }, { signal })));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test('a thread that dies fails its jobs and is replaced', async () => {
    await using pool = samplePool(1);
    const dying = pool.run({ kind: 'exit' });
    const next = pool.run({ kind: 'echo', value: 7 });
    await expect(dying).rejects.toMatchObject({ code: 'WORK_WORKER_ENDED' });
    await expect(next).resolves.toBe(7);
  });

  test('idle threads end, and the next job starts one again', async () => {
    await using pool = samplePool(1, { idleMs: 20 });
    await pool.run({ kind: 'echo', value: 1 });
    await expect.poll(threads).toBe(0);
    await expect(pool.run({ kind: 'echo', value: 2 })).resolves.toBe(2);
  });

  test('closing rejects what runs and waits, and leaves no thread', async () => {
    const pool = samplePool(1);
    const jobs = [pool.run({ kind: 'sleep', ms: 3_600_000 }), pool.run({ kind: 'echo', value: 1 })];
    const settled = Promise.allSettled(jobs);
    await pool[Symbol.asyncDispose]();
    expect(threads()).toBe(0);
    for (const outcome of await settled)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'WORK_CLOSED' } });
  });

  // A thread that is stopped while it loads koffi takes the process along.
  test('closing while a thread loads a native addon harms nobody', async () => {
    for (let round = 0; round < 20; round += 1) {
      const pool = samplePool(1);
      const cell = new Int32Array(new SharedArrayBuffer(4));
      const job = pool.run({ kind: 'native', cell });
      job.catch(() => undefined);
      while (Atomics.load(cell, 0) === 0) await setTimeout(1);
      const until = performance.now() + round / 2;
      while (performance.now() < until) Atomics.load(cell, 0);
      await pool[Symbol.asyncDispose]();
    }
  });

  test('a closed pool accepts nothing', async () => {
    const pool = samplePool(1);
    await pool[Symbol.asyncDispose]();
    await expect(pool.run({ kind: 'echo', value: 1 })).rejects.toMatchObject({ kind: 'failed-precondition' });
  });
});

describe('hashing', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'lade-work-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  test('equals sha256sum and sha512sum, of a whole file and of a part', async () => {
    const path = join(root, 'f');
    const bytes = Buffer.alloc(20_000_003, 'seventeen letters');
    writeFileSync(path, bytes);
    writeFileSync(join(root, 'part'), bytes.subarray(5, 9_000_001));
    expect(await hashFile(path)).toBe(judge(path));
    expect(await hashFile(path, { algorithm: 'sha512' })).toBe(judge(path, 'sha512sum'));
    expect(await hashFile(path, { start: 5, end: 9_000_001 })).toBe(judge(join(root, 'part')));
    await expect(hashFile(path, { end: bytes.length + 1 })).rejects.toMatchObject({ kind: 'corrupt' });
    await expect(hashFile(join(root, 'absent'))).rejects.toMatchObject({ kind: 'not-found' });
    await expect(hashFile(path, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      kind: 'cancelled',
    });
  });

  test('many files are followed at once while they grow', async () => {
    const digests = await Promise.all(
      Array.from({ length: 8 }, async (_, number) => {
        const path = join(root, String(number));
        writeFileSync(path, '');
        const follower = followFile(path);
        let total = 0;
        for (let step = 0; step < 20; step++) {
          const chunk = Buffer.alloc(100_000 + step, number + step);
          appendFileSync(path, chunk);
          follower.advance((total += chunk.length));
          await setTimeout(step % 3);
        }
        return [await follower.finish(total), judge(path)] as const;
      }),
    );
    for (const [ours, theirs] of digests) expect(ours).toBe(theirs);
  });

  test('finishing shortly after the last bytes, an empty file, and giving up', async () => {
    const path = join(root, 'f');
    writeFileSync(path, 'abc');
    const quick = followFile(path);
    quick.advance(3);
    await setTimeout(50);
    expect(await quick.finish(3)).toBe(judge(path));
    expect(await followFile(path).finish(0)).toBe(judge('/dev/null'));
    await using left = followFile(path);
    const digest = left.finish(10);
    left.abort();
    await expect(digest).rejects.toMatchObject({ kind: 'cancelled' });
  });
});
