import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
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
