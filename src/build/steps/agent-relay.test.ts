import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openAgentSocket, type AgentSocket } from './agent-sockets.ts';

let base: string;
let agent: Server;
let asked: number[];
let relay: AgentSocket;

const message = (kind: number, body: Buffer = Buffer.alloc(0)): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(1 + body.length);
  head[4] = kind;
  return Buffer.concat([head, body]);
};

beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), 'lade-agent-'));
  asked = [];
  // An agent that answers each message with its kind, in two pieces.
  agent = createServer((client) => {
    client.on('error', () => undefined);
    client.on('data', (data: Buffer) => {
      asked.push(data[4] ?? 0);
      const answer = message(200, Buffer.from([data[4] ?? 0]));
      client.write(answer.subarray(0, 3));
      setImmediate(() => client.write(answer.subarray(3)));
    });
  });
  await new Promise<void>((resolve) => agent.listen(join(base, 'real'), resolve));
  relay = await openAgentSocket(join(base, 'step'), join(base, 'real'), { mode: 0o620, uid: 0, gid: 0 });
});

afterEach(async () => {
  await relay[Symbol.asyncDispose]();
  await new Promise((resolve) => agent.close(resolve));
  rmSync(base, { recursive: true, force: true });
});

/** Sends bytes, and gives what came back by the time that `bytes` of it are there or the relay hung up. */
const answer = (data: Buffer, bytes: number): Promise<Buffer> =>
  new Promise((resolve) => {
    const socket: Socket = connect(relay.path);
    let got = Buffer.alloc(0);
    const done = (): void => {
      socket.destroy();
      resolve(got);
    };
    socket.once('error', done);
    socket.once('close', done);
    socket.on('data', (chunk: Buffer) => {
      got = Buffer.concat([got, chunk]);
      if (got.length >= bytes) done();
    });
    socket.write(data);
  });

describe('a relayed agent', () => {
  test('lists and signs; whatever else is asked fails without reaching it, in the order of the questions', async () => {
    expect(statSync(relay.path).mode & 0o777).toBe(0o620);
    const kinds = [11, 17, 13, 18, 19, 22, 25, 27, 9, 11];
    const got = await answer(Buffer.concat(kinds.map((kind) => message(kind))), 3 * 6 + 7 * 5);
    const failure = message(5);
    const passed = (kind: number): Buffer => message(200, Buffer.from([kind]));
    const allowed = new Set([11, 13]);
    expect(got).toEqual(Buffer.concat(kinds.map((kind) => (allowed.has(kind) ? passed(kind) : failure))));
    expect(asked).toEqual([11, 13, 11]);
  });

  test('hangs up on messages that are empty or longer than any agent takes', async () => {
    expect(await answer(Buffer.from([0, 0, 0, 0]), 1)).toHaveLength(0);
    expect(await answer(Buffer.from([0xff, 0xff, 0xff, 0xff, 11]), 1)).toHaveLength(0);
    expect(asked).toEqual([]);
  });

  test('that is gone ends the connection', async () => {
    await new Promise((resolve) => {
      agent.close(resolve);
    });
    expect(await answer(message(11), 1)).toHaveLength(0);
    agent.listen(join(base, 'again'));
  });
});
