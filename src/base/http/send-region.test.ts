import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, open, rm, truncate, writeFile, type FileHandle } from 'node:fs/promises';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sendRegion } from './send-region.ts';

const BYTES = randomBytes(9_000_000);

let place: string;
let file: FileHandle;
let server: Server;
let port: number;
let finished: boolean[];

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'lade-region-'));
  await writeFile(join(place, 'content'), BYTES);
  file = await open(join(place, 'content'), 'r');
  finished = [];
  server = createServer((request, response) => {
    const [start = 0, end = 0] = (request.url ?? '').slice(1).split('-').map(Number);
    response.writeHead(200, { 'Content-Length': end - start });
    void sendRegion(response, { fd: file.fd, start, end }).then(() => finished.push(!response.destroyed));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await file.close();
  await rm(place, { recursive: true, force: true });
});

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const fetched = async (path: string): Promise<Buffer> => {
  const [response] = (await once(get({ port, path }), 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

/** A connection that asks, and reads nothing by itself. */
const asking = async (...paths: readonly string[]): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.pause();
  socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
  return socket;
};

test.each([
  [0, 9_000_000],
  [1, 2],
  [4_096, 8_999_999],
  [5, 5],
])('sends the bytes from %i to %i', async (start, end) => {
  expect(digest(await fetched(`/${start}-${end}`))).toBe(digest(BYTES.subarray(start, end)));
});

test('many at once get what they asked for, also while others read nothing', async () => {
  const idle = await Promise.all(Array.from({ length: 20 }, () => asking('/0-9000000')));
  const ranges = Array.from(
    { length: 30 },
    (_, index) => [index * 1_000, 6_000_000 + index * 70_000] as const,
  );
  const bodies = await Promise.all(ranges.map(([start, end]) => fetched(`/${start}-${end}`)));
  expect(bodies.map(digest)).toEqual(ranges.map(([start, end]) => digest(BYTES.subarray(start, end))));
  for (const socket of idle) socket.destroy();
  await expect.poll(() => finished.filter((whole) => !whole).length).toBe(20);
});

test('answers in the order of the requests where they came at once, and keeps the connection', async () => {
  const socket = await asking('/0-4000000', '/7-9', '/100-3000100');
  let received = Buffer.alloc(0);
  const wanted = 4_000_000 + 2 + 3_000_000;
  socket.resume();
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    received = Buffer.concat([received, chunk]);
    if (received.length > wanted && finished.length === 3) break;
  }
  const bodies = [0, 1, 2].map((index) => {
    const lengths = [4_000_000, 2, 3_000_000];
    let at = 0;
    for (let before = 0; before <= index; before += 1) {
      at = received.indexOf('\r\n\r\n', at) + 4;
      if (before < index) at += lengths[before] ?? 0;
    }
    return digest(received.subarray(at, at + (lengths[index] ?? 0)));
  });
  const expected = [[0, 4_000_000] as const, [7, 9] as const, [100, 3_000_100] as const];
  expect(bodies).toEqual(expected.map(([start, end]) => digest(BYTES.subarray(start, end))));
});

test('a file that became shorter cuts the connection', async () => {
  await truncate(join(place, 'content'), 1_000_000);
  await expect(fetched('/0-9000000')).rejects.toThrow('aborted');
  expect(await fetched('/0-3')).toEqual(BYTES.subarray(0, 3));
});
