import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { OutputChunk } from '#runtime';
import { pumpOutput, runRawSession } from './raw-session.ts';

const CHUNK_BYTES = 64 * 1024;
const CHUNKS = 1600;
const MIB = 1024 * 1024;

let directory: string;
let near: Socket;
let far: Socket;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'lade-raw-'));
  const server = createServer({ allowHalfOpen: true }).listen(join(directory, 's'));
  far = connect({ path: join(directory, 's') });
  [near] = (await once(server, 'connection')) as [Socket];
  server.close();
});
afterEach(() => {
  vi.useRealTimers();
  near.destroy();
  far.destroy();
  rmSync(directory, { recursive: true });
});

interface Watched {
  readonly peak: { bytes: number; listeners: number };
  readonly output: AsyncIterable<OutputChunk>;
}

/** 100 MB of output as a container writes it, each piece with memory of its own. */
const bulk = (sink: Socket): Watched => {
  const peak = { bytes: 0, listeners: 0 };
  const output = async function* output(): AsyncGenerator<OutputChunk, void, undefined> {
    for (let index = 0; index < CHUNKS; index += 1) {
      yield { stream: 'stdout', data: Buffer.alloc(CHUNK_BYTES, index) };
      peak.bytes = Math.max(peak.bytes, sink.writableLength);
      peak.listeners = Math.max(peak.listeners, sink.listenerCount('close'), sink.listenerCount('error'));
    }
  };
  return { peak, output: output() };
};

const received = async (socket: Socket): Promise<number> => {
  let bytes = 0;
  for await (const piece of socket) {
    bytes += (piece as Buffer).length;
    if (bytes % 7 === 0) await setImmediate();
  }
  return bytes;
};

const warningsDuring = async (work: () => Promise<unknown>): Promise<readonly Error[]> => {
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on('warning', note);
  await work();
  await setImmediate();
  process.off('warning', note);
  return warnings;
};

test.each([false, true])('100 MB reach a slow client with flat memory (terminal: %s)', async (tty) => {
  const { peak, output } = bulk(near);
  const listeners = near.listenerCount('close');
  const attachment = { output, tty, stdin: undefined, close: () => undefined };
  const all = received(far);
  const warnings = await warningsDuring(() => runRawSession(near, attachment));
  expect(await all).toBe(CHUNKS * (CHUNK_BYTES + (tty ? 0 : 8)));
  expect(warnings).toEqual([]);
  expect(peak.bytes).toBeLessThan(MIB);
  expect(peak.listeners).toBeLessThan(listeners + 8);
});

test('a client that leaves amid bulk output ends the pump', async () => {
  const { output } = bulk(near);
  near.on('error', () => undefined);
  const pumped = pumpOutput(output, false, near);
  await once(far, 'data');
  far.destroy();
  await pumped;
  expect(near.destroyed).toBe(true);
});

const HOUR_MS = 3_600_000;

/** Output that the kernel does not take while nobody reads: its end waits in this process. */
const untilHeld = async function* (sink: Socket, given: { bytes: number }): AsyncGenerator<OutputChunk> {
  while (sink.writableLength === 0) {
    given.bytes += 8 + 10_000;
    yield { stream: 'stdout', data: Buffer.alloc(10_000) };
  }
};

test('a client that does not read for an hour still gets the end', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const given = { bytes: 0 };
  const output = untilHeld(near, given);
  await runRawSession(near, { output, tty: false, stdin: undefined, close: () => undefined });
  expect(near.writableLength).toBeGreaterThan(0);
  await vi.advanceTimersByTimeAsync(HOUR_MS);
  expect(await received(far)).toBe(given.bytes);
});

test('a client that keeps the connection is let go a while after it got everything', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  far.allowHalfOpen = true;
  const given = { bytes: 0 };
  await runRawSession(near, {
    output: untilHeld(near, given),
    tty: false,
    stdin: undefined,
    close: () => undefined,
  });
  const finished = once(near, 'finish');
  const ended = once(far, 'end');
  far.resume();
  await finished;
  await ended;
  expect(near.destroyed).toBe(false);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(near.destroyed).toBe(true);
});

test('input that nobody takes is thrown away after the output, and keeps the connection', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  far.allowHalfOpen = true;
  const stdin = new PassThrough();
  const output = untilHeld(near, { bytes: 0 });
  const session = runRawSession(near, { output, tty: false, stdin, close: () => undefined });
  const sent = new Promise((resolve) => far.write(Buffer.alloc(4 * MIB), resolve));
  await session;
  const finished = once(near, 'finish');
  far.resume();
  await finished;
  expect(await sent).toBeFalsy();
  for (let round = 0; round < 4; round += 1) {
    await vi.advanceTimersByTimeAsync(1500);
    const arrived = once(near, 'data');
    far.write('more');
    await arrived;
  }
  expect(near.destroyed).toBe(false);
});
