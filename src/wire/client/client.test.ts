import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { clientErrors, createDockerClient, demultiplex, type DockerClient } from './index.ts';
import { startRawServer } from './testing.ts';

const clientOf = (path: string): DockerClient => createDockerClient({ host: { kind: 'unix', path } });

const get = { method: 'GET', path: '/x' } as const;

const reply =
  (...parts: readonly string[]) =>
  (socket: Socket): void => {
    socket.once('data', () => {
      void (async () => {
        for (const part of parts) {
          socket.write(part, 'latin1');
          await sleep(2);
        }
        socket.end();
      })();
    });
  };

const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

const OK = 'HTTP/1.1 200 OK\r\n';

describe('answers', () => {
  test.each([
    ['a length', [`${OK}Content-Length: 9\r\n\r\n{"a":"b"}and what is not ours`]],
    [
      'chunks, cut anywhere',
      [`${OK}Transfer-En`, 'coding: chunked\r\n\r', '\n4\r\n{"a"\r', '\n5;x=y\r\n:"b"}\r\n0\r\n', '\r\n'],
    ],
    ['the end of the connection', [`${OK}\r\n{"a":`, '"b"}']],
    [
      'an interim answer before it',
      ['HTTP/1.1 100 Continue\r\n\r\n', `${OK}Content-Length: 9\r\n\r\n{"a":"b"}`],
    ],
  ])('a body that is framed by %s', async (_name, parts) => {
    await using server = await startRawServer(reply(...parts));
    expect(await clientOf(server.path).json(get)).toEqual({ a: 'b' });
  });

  test('no body is undefined; HEAD has none whatever its length says', async () => {
    await using server = await startRawServer(reply('HTTP/1.1 204 No Content\r\n\r\n'));
    expect(await clientOf(server.path).json(get)).toBeUndefined();
    await using head = await startRawServer(reply(`${OK}Content-Length: 10\r\nX-Stat: abc\r\n\r\n`));
    const answer = await clientOf(head.path).stream({ method: 'HEAD', path: '/x' });
    expect(answer.headers['x-stat']).toBe('abc');
    for await (const chunk of answer.body) expect(chunk).toBeUndefined();
  });

  test.each([
    ['a body that is cut short', [`${OK}Content-Length: 20\r\n\r\n{"a":`], clientErrors.answerCutShort],
    [
      'chunks that are cut short',
      [`${OK}Transfer-Encoding: chunked\r\n\r\n5\r\n{"`],
      clientErrors.answerCutShort,
    ],
    ['no answer', [], clientErrors.answerCutShort],
    ['something else than HTTP', ['SSH-2.0-OpenSSH\r\n\r\n'], clientErrors.answerInvalid],
    ['something else than JSON', [`${OK}Content-Length: 3\r\n\r\n<a>`], clientErrors.answerInvalid],
  ])('%s is an error', async (_name, parts, expected) => {
    await using server = await startRawServer(reply(...parts));
    const error = await failure(clientOf(server.path).json(get));
    expect(expected.is(error)).toBe(true);
  });

  test('lines, whatever the pieces they come in', async () => {
    const body = '{"a":"é"}\r\n\r\n{"b":1}\n{"c":2}';
    const bytes = Buffer.from(body).toString('latin1');
    await using server = await startRawServer(
      reply(`${OK}\r\n`, bytes.slice(0, 7), bytes.slice(7, 15), bytes.slice(15)),
    );
    const lines: unknown[] = [];
    for await (const line of clientOf(server.path).lines(get)) lines.push(line);
    expect(lines).toEqual([{ a: 'é' }, { b: 1 }, { c: 2 }]);
  });

  test('a failure carries the daemon’s message and hint, and the kind of its status', async () => {
    const body = '{"message":"No such container: x","hint":"look at lade ps -a"}';
    const head = `HTTP/1.1 404 Not Found\r\nContent-Length: ${body.length}\r\n\r\n`;
    await using server = await startRawServer(reply(head + body));
    const error = await failure(clientOf(server.path).json(get));
    expect(error).toMatchObject({
      kind: 'not-found',
      message: 'No such container: x',
      hint: 'look at lade ps -a',
    });
    await using plain = await startRawServer(reply('HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops'));
    expect(await failure(clientOf(plain.path).json(get))).toMatchObject({
      kind: 'internal',
      message: 'oops',
    });
  });
});

describe('requests', () => {
  test('an answer that comes while a stream is being sent is read, and the rest is not sent', async () => {
    await using raw = await startRawServer(() => undefined);
    const path = `${raw.path}3`;
    // Node's server cuts the connection after the answer when it was asked to, whatever is still on its way.
    const asked: unknown[] = [];
    const server = createHttpServer((request, response) => {
      asked.push(request.headers.connection);
      response.once('finish', () => request.resume());
      request.once('data', () => {
        request.pause();
        response.writeHead(400).end('{"message":"this is no archive"}');
      });
    });
    server.listen(path);
    await once(server, 'listening');
    let sent = 0;
    const parts = async function* (): AsyncGenerator<Buffer> {
      for (; sent < 10_000; sent += 1) yield Buffer.alloc(64 * 1024);
    };
    const call = clientOf(path).json({ method: 'POST', path: '/a', stream: Readable.from(parts()) });
    expect(await failure(call)).toMatchObject({ kind: 'invalid-argument', message: 'this is no archive' });
    expect(sent).toBeLessThan(10_000);
    expect(asked).toEqual([undefined]);
    server.close();
  });

  test('Node’s own server understands them', async () => {
    await using raw = await startRawServer(() => undefined);
    const path = `${raw.path}2`;
    const seen: unknown[] = [];
    const server = createHttpServer((request, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        seen.push({
          method: request.method,
          url: request.url,
          type: request.headers['content-type'],
          body: Buffer.concat(chunks).toString(),
        });
        response.end('{}');
      })();
    });
    server.listen(path);
    await once(server, 'listening');
    const client = clientOf(path);
    await client.json({
      method: 'POST',
      path: '/a',
      query: { x: 'a b&c', list: ['1', '2'], yes: true, no: false, none: undefined, n: 0 },
      body: { é: 1 },
    });
    const stream = Readable.from([Buffer.from('one'), Buffer.alloc(0), Buffer.from('two')]);
    await client.json({ method: 'PUT', path: '/b', stream, contentType: 'application/x-tar' });
    await client.json({ method: 'POST', path: '/c', headers: { 'X-A': 'b\r\nX-Evil: 1' } });
    server.close();
    expect(seen).toEqual([
      {
        method: 'POST',
        url: '/a?x=a%20b%26c&list=1&list=2&yes=1&n=0',
        type: 'application/json',
        body: '{"é":1}',
      },
      { method: 'PUT', url: '/b', type: 'application/x-tar', body: 'onetwo' },
      { method: 'POST', url: '/c', type: undefined, body: '' },
    ]);
  });

  test('a stream that fails is the error of the call', async () => {
    await using server = await startRawServer(() => undefined);
    const broken = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('one');
      throw new Error('the file went away');
    };
    const stream = Readable.from(broken());
    const error = await failure(clientOf(server.path).json({ method: 'PUT', path: '/b', stream }));
    expect(error).toHaveProperty('message', 'the file went away');
  });

  test('an abort ends the call and the connection', async () => {
    let closed: Promise<unknown> = Promise.resolve();
    await using server = await startRawServer((socket) => {
      socket.write(`${OK}\r\n{"a":1}\n`);
      closed = once(socket, 'close');
      socket.resume();
      socket.on('end', () => socket.end());
    });
    const abort = new AbortController();
    const lines: unknown[] = [];
    const error = await failure(
      (async () => {
        for await (const line of clientOf(server.path).lines({ ...get, signal: abort.signal })) {
          lines.push(line);
          abort.abort();
        }
      })(),
    );
    expect(lines).toEqual([{ a: 1 }]);
    expect(error).toHaveProperty('kind', 'cancelled');
    await closed;
  });

  test('an abort ends a call that waits for more', async () => {
    await using server = await startRawServer((socket) => void socket.write(`${OK}\r\n{"a":1}\n`));
    const abort = new AbortController();
    const answer = clientOf(server.path).lines({ ...get, signal: abort.signal });
    const lines = answer[Symbol.asyncIterator]();
    expect(await lines.next()).toEqual({ done: false, value: { a: 1 } });
    const waiting = failure(lines.next());
    await sleep(5);
    abort.abort();
    expect(await waiting).toHaveProperty('kind', 'cancelled');
    expect(await lines.next()).toEqual({ done: true, value: undefined });
  });

  test('a body comes no faster than it is read, and whole', async () => {
    const sent = Buffer.alloc(8 << 20, 'abcdefg');
    let sender: Socket | undefined;
    await using server = await startRawServer((socket) => {
      sender = socket;
      socket.write(`${OK}\r\n`);
      socket.end(sent);
    });
    const { body } = await clientOf(server.path).stream(get);
    await sleep(50);
    expect(sender?.writableLength).toBeGreaterThan(sent.length / 2);
    expect(sent.equals(Buffer.concat((await body.toArray()) as Buffer[]))).toBe(true);
  });

  test('nobody listens', async () => {
    const error = await failure(clientOf('/nonexistent/lade.sock').json(get));
    expect(clientErrors.daemonUnreachable.is(error)).toBe(true);
    expect(error).toHaveProperty('message', expect.stringContaining('unix:///nonexistent/lade.sock'));
  });
});

describe('an absent daemon', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lade-absent-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('is brought by whoever can, once, and the calls go on', async () => {
    const path = join(folder, 's');
    let brought = 0;
    const daemon = createHttpServer((_request, response) => void response.end('{"ok":1}'));
    const onAbsent = async (): Promise<void> => {
      brought += 1;
      daemon.listen(path);
      await once(daemon, 'listening');
    };
    const client = createDockerClient({ host: { kind: 'unix', path }, onAbsent });
    expect(await Promise.all([client.json(get), client.json(get)])).toEqual([{ ok: 1 }, { ok: 1 }]);
    expect(brought).toBe(1);
    daemon.close();
    await once(daemon, 'close');
    expect(clientErrors.daemonUnreachable.is(await failure(client.json(get)))).toBe(true);
    expect(brought).toBe(1);
  });

  test('that cannot be brought is told as the one who tried says', async () => {
    const host = { kind: 'unix', path: join(folder, 'none') } as const;
    const client = createDockerClient({ host, onAbsent: () => Promise.reject(new Error('not here')) });
    expect(await failure(client.json(get))).toHaveProperty('message', 'not here');
  });

  test('is not looked for where one answers', async () => {
    await using server = await startRawServer(reply('HTTP/1.1 204 No Content\r\n\r\n'));
    const onAbsent = (): Promise<void> => Promise.reject(new Error('asked in vain'));
    const client = createDockerClient({ host: { kind: 'unix', path: server.path }, onAbsent });
    expect(await client.json(get)).toBeUndefined();
  });
});

describe('hijack', () => {
  test('bytes after the head are not lost, and a half-close leaves the other way open', async () => {
    await using server = await startRawServer((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 101 UPGRADED\r\nContent-Type: x\r\n\r\nearly '));
      socket.once('end', () => socket.end('late'));
    });
    const { socket } = await clientOf(server.path).hijack({ method: 'POST', path: '/attach' });
    socket.end('input');
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toBe('early late');
    const sent = server.received[0]?.toString() ?? '';
    expect(sent).toMatch(/^POST \/attach HTTP\/1\.1\r\n/);
    expect(sent).toContain('Upgrade: tcp\r\n');
    expect(sent.endsWith('\r\n\r\ninput')).toBe(true);
  });

  test('a refusal is an ordinary error', async () => {
    await using server = await startRawServer(
      reply('HTTP/1.1 409 Conflict\r\nContent-Length: 27\r\n\r\n{"message":"it is stopped"}'),
    );
    const error = await failure(clientOf(server.path).hijack({ method: 'POST', path: '/attach' }));
    expect(error).toMatchObject({ kind: 'conflict', message: 'it is stopped' });
  });
});

const frame = (stream: number, text: string): Buffer => {
  const data = Buffer.from(text);
  const head = Buffer.alloc(8);
  head.writeUInt8(stream, 0);
  head.writeUInt32BE(data.length, 4);
  return Buffer.concat([head, data]);
};

const gather = async (pieces: readonly Buffer[]): Promise<Record<string, string>> => {
  const all: Record<string, string> = { stdout: '', stderr: '' };
  const source = Readable.from(pieces) as AsyncIterable<Buffer>;
  for await (const { stream, data } of demultiplex(source)) all[stream] += data.toString('latin1');
  return all;
};

describe('multiplexed streams', () => {
  test('are split the same, however they are cut', async () => {
    const frames = fc.array(
      fc.record({ stream: fc.constantFrom(1, 2), text: fc.string({ maxLength: 20 }) }),
      { maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(frames, fc.array(fc.nat(200), { maxLength: 10 }), async (parts, cuts) => {
        const bytes = Buffer.concat(parts.map((part) => frame(part.stream, part.text)));
        const places = [
          0,
          ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b),
          bytes.length,
        ];
        const pieces = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
        const expected = (stream: number): string =>
          parts
            .filter((part) => part.stream === stream)
            .map((part) => Buffer.from(part.text).toString('latin1'))
            .join('');
        expect(await gather(pieces.filter((piece) => piece.length > 0))).toEqual({
          stdout: expected(1),
          stderr: expected(2),
        });
      }),
      { numRuns: 60 },
    );
  });

  test('an error inside of the stream, and what is no such stream', async () => {
    expect(await failure(gather([frame(3, 'broken')]))).toMatchObject({
      kind: 'internal',
      message: 'broken',
    });
    expect(await failure(gather([Buffer.from('plain text')]))).toHaveProperty(
      'code',
      'CLIENT_ANSWER_INVALID',
    );
  });
});
