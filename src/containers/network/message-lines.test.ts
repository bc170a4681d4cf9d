import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { onMessage } from './message-lines.ts';

let server: Server;
let [near, far]: (Socket | undefined)[] = [];

const pair = async (): Promise<{ readonly near: Socket; readonly far: Socket }> => {
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  [far] = await accepted;
  return { near, far };
};

beforeEach(async () => {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => {
  near?.destroy();
  far?.destroy();
  server.close();
});

test('reads values that arrive in pieces, in the middle of a character too', async () => {
  const ends = await pair();
  const seen: unknown[] = [];
  const second = new Promise<void>((resolve) => {
    onMessage(ends.near, (message) => void (seen.push(message) === 2 && resolve()));
  });
  const bytes = Buffer.from('{"name":"größe"}\n[1]\n');
  const middle = bytes.indexOf(0xc3) + 1;
  ends.far.setNoDelay(true).write(bytes.subarray(0, middle));
  await new Promise(setImmediate);
  ends.far.write(bytes.subarray(middle));
  await second;
  expect(seen).toEqual([{ name: 'größe' }, [1]]);
});

test('a peer that is killed ends the connection and nothing else', async () => {
  const ends = await pair();
  ends.near.on('error', () => undefined);
  onMessage(ends.near, () => undefined);
  ends.near.write('x');
  ends.far.resetAndDestroy();
  await new Promise((resolve) => ends.near.once('close', resolve));
  expect(ends.near.destroyed).toBe(true);
});

test('a peer that sends no JSON loses its connection', async () => {
  const ends = await pair();
  onMessage(ends.near, () => undefined);
  ends.far.write('hello\n');
  await once(ends.far.resume(), 'close');
  expect(ends.near.destroyed).toBe(true);
});
