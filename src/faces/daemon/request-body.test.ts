import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { startHttpServer } from '#http';
import { withBody } from './request-body.ts';

const CHUNK = Buffer.alloc(1 << 20, 1);
const CHUNKS = 40;

const app = new Hono()
  .post('/count', (c) =>
    withBody(c, async (body) => {
      let bytes = 0;
      for await (const chunk of body as AsyncIterable<Buffer>) bytes += chunk.length;
      return c.text(String(bytes));
    }),
  )
  .post('/give-up', (c) =>
    withBody(c, async (body) => {
      for await (const chunk of body) return c.text(`gave up after ${(chunk as Buffer).length > 0}`, 507);
      return c.text('nothing came');
    }),
  )
  .post('/ignore', (c) => withBody(c, () => Promise.resolve(c.text('not read', 400))));

test.each([
  ['/count', 200, String(CHUNKS * CHUNK.length)],
  ['/give-up', 507, 'gave up after true'],
  ['/ignore', 400, 'not read'],
])('%s: the client sends all of its body and gets the answer', async (path, status, text) => {
  const server = await startHttpServer({ listen: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }], app });
  try {
    const [address] = server.addresses;
    if (address?.kind !== 'tcp') throw new Error('no address');
    const { port } = address;
    const socket = connect(port, '127.0.0.1').setEncoding('utf8');
    const length = CHUNKS * CHUNK.length;
    socket.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`);
    // As docker does: all of the body first, and only then a look at the answer.
    for (let index = 0; index < CHUNKS; index += 1) {
      if (!socket.write(CHUNK)) await once(socket, 'drain');
      if (index === 1) await sleep(700);
    }
    let answer = '';
    for await (const data of socket) {
      answer += String(data);
      if (answer.includes(text)) break;
    }
    expect(answer.slice(0, 12)).toBe(`HTTP/1.1 ${status}`);
    expect(answer).toMatch(new RegExp(`\r\n\r\n.*${text}`, 's'));
  } finally {
    await server.close(0);
  }
});
