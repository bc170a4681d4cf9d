import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer as createTcpServer, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, type Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Hono } from 'hono';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  answered,
  createHttpClient,
  hijack,
  httpErrors,
  incoming,
  outgoing,
  readBody,
  requestSignal,
  sendStream,
  startHttpServer,
  type HttpServer,
} from './index.ts';

let dir: string;
let stack: AsyncDisposableStack;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lade-http-'));
  stack = new AsyncDisposableStack();
  stack.defer(() => rm(dir, { recursive: true, force: true }));
});
afterEach(() => stack.disposeAsync());

const aborted: string[] = [];

const sampleApp = (): Hono => {
  const app = new Hono();
  app.get('/images/:name{.+}/json', (c) => c.json({ name: c.req.param('name') }));
  app.post('/echo', async (c) => c.body(new Uint8Array(await readBody(c, 10))));
  app.onError((_error, c) => c.text('failed', 500));
  app.put('/raw', async (c) => {
    outgoing(c).writeHead(201, { 'x-method': incoming(c).method ?? '' });
    for await (const chunk of incoming(c)) outgoing(c).write(chunk);
    outgoing(c).end();
    return answered();
  });
  app.get('/broken', (c) => {
    const source = Readable.from(
      (function* () {
        yield Buffer.from('abc');
        throw new Error('disk');
      })(),
    );
    return sendStream(c, { status: 200, headers: { 'content-length': 10 } }, source);
  });
  app.get('/after-end', (c) => {
    outgoing(c).end('whole');
    outgoing(c).write('too late');
    return answered();
  });
  app.get('/wait', async (c) => {
    await once(requestSignal(c), 'abort');
    aborted.push('wait');
    return c.text('late');
  });
  app.get('/throw', () => {
    throw new Error('boom');
  });
  app.post('/attach/:id', async (c) => {
    if (c.req.param('id') === 'none') return c.json({ message: 'No such container' }, 404);
    const body = await readBody(c, 100);
    const socket = hijack(c);
    socket.write(`<${body.toString()}>`);
    socket.on('data', (chunk: Buffer) => socket.write(chunk.toString().toUpperCase()));
    socket.on('end', () => socket.end('EOF'));
    return answered();
  });
  app.post('/output', (c) => {
    const socket = hijack(c);
    socket.end('only output');
    return answered();
  });
  return app;
};

const startUnix = async (): Promise<{ server: HttpServer; path: string }> => {
  const path = join(dir, 'd.sock');
  const server = await startHttpServer({ app: sampleApp(), listen: [{ kind: 'unix', path, mode: 0o600 }] });
  stack.use(server);
  return { server, path };
};

describe('requests', () => {
  test('routes names with slashes, reads and writes raw streams, bounds bodies', async () => {
    const { path } = await startUnix();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const client = stack.use(createHttpClient({ socketPath: path }));
    const named = await client.request({ url: '/images/a/b/c/json' });
    expect(await text(named.body)).toBe('{"name":"a/b/c"}');
    const raw = await client.request({ method: 'PUT', url: '/raw', body: Readable.from(['x', 'y']) });
    expect([raw.status, raw.headers['x-method'], await text(raw.body)]).toEqual([201, 'PUT', 'xy']);
    const long = await client.request({ method: 'POST', url: '/echo', body: 'more than ten' });
    expect(long.status).toBe(500);
    long.body.resume();
  });

  test('a source that fails cuts the answer instead of ending it', async () => {
    const { path } = await startUnix();
    const client = stack.use(createHttpClient({ socketPath: path }));
    const answer = await client.request({ url: '/broken' });
    await expect(text(answer.body)).rejects.toThrow();
  });

  test('a handler that writes after the end harms nobody', async () => {
    const { path } = await startUnix();
    const client = stack.use(createHttpClient({ socketPath: path }));
    const answer = await client.request({ url: '/after-end' });
    expect(await text(answer.body).catch(() => 'cut')).toMatch(/^(whole|cut)$/);
    expect((await client.request({ url: '/images/a/json' })).status).toBe(200);
  });

  test('a client that leaves aborts its request only', async () => {
    aborted.length = 0;
    const { path } = await startUnix();
    const client = stack.use(createHttpClient({ socketPath: path }));
    const controller = new AbortController();
    const waiting = client.request({ url: '/wait', signal: controller.signal });
    await sleep(50);
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ kind: 'cancelled' });
    await expect.poll(() => aborted).toEqual(['wait']);
  });

  test('TCP by undici, TLS by both transports, with a certificate that is trusted or not', async () => {
    const request =
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout k -out c';
    const names = '-subj /CN=lade -addext subjectAltName=IP:127.0.0.1';
    execFileSync('/usr/bin/openssl', `${request} ${names}`.split(' '), { cwd: dir, stdio: 'ignore' });
    const cert = await readFile(join(dir, 'c'));
    const key = await readFile(join(dir, 'k'));
    const server = await startHttpServer({
      app: sampleApp(),
      listen: [
        { kind: 'tcp', host: '127.0.0.1', port: 0 },
        { kind: 'tcp', host: '127.0.0.1', port: 0, tls: { cert, key } },
      ],
    });
    stack.use(server);
    const [plain, tls] = server.addresses.map(({ url }) => url);
    const client = stack.use(createHttpClient({ ca: cert }));
    for (const base of [plain, tls]) {
      const answer = await client.request({ url: `${base}/images/x/json` });
      expect(await text(answer.body)).toBe('{"name":"x"}');
      const upgraded = await client.upgrade({ method: 'POST', url: `${base}/attach/a` });
      if (upgraded.kind !== 'upgraded') throw new Error('not upgraded');
      upgraded.socket.end('q');
      expect(await text(upgraded.socket)).toContain('Q');
    }
    const stranger = stack.use(createHttpClient());
    await expect(stranger.request({ url: `${tls}/x` })).rejects.toMatchObject({
      code: httpErrors.untrustedCertificate.code,
    });
    const careless = stack.use(createHttpClient({ insecure: true }));
    (await careless.request({ url: `${tls}/images/x/json` })).body.resume();
    await expect(client.request({ url: `${plain?.replace('http:', 'https:')}/x` })).rejects.toMatchObject({
      code: httpErrors.notTls.code,
    });
  });

  test('on a unix socket any Host header will do, for upgrades also', async () => {
    const { path } = await startUnix();
    for (const host of ['Host: \r\n', 'Host: /run/docker.sock\r\n', '', 'Host: %2Frun%2Fd.sock\r\n']) {
      const plain = connect({ path, allowHalfOpen: true });
      plain.end(`GET /images/a/b/json HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
      expect(await text(plain)).toMatch(/^HTTP\/1\.1 200 [^]*{"name":"a\/b"}$/);
      const upgrade = connect({ path, allowHalfOpen: true });
      upgrade.end(`POST /attach/a HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n`);
      expect(await text(upgrade)).toMatch(/^HTTP\/1\.1 101 UPGRADED\r\n[^]*<>EOF$/);
    }
  });

  test('what the application throws reaches onError', async () => {
    const app = { fetch: async (): Promise<Response> => Promise.reject(new Error('boom')) };
    const path = join(dir, 'e.sock');
    stack.use(
      await startHttpServer({
        app,
        listen: [{ kind: 'unix', path }],
        onError: (error) => new Response((error as Error).message, { status: 418 }),
      }),
    );
    const client = stack.use(createHttpClient({ socketPath: path }));
    const answer = await client.request({ url: '/' });
    expect([answer.status, await text(answer.body)]).toEqual([418, 'boom']);
  });
});

const readUntil = async (socket: Duplex, wanted: string): Promise<string> => {
  let seen = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    seen += String(chunk);
    if (seen.includes(wanted)) break;
  }
  return seen;
};

describe('hijack', () => {
  test('passes stdin, half-close and output both ways, after a body', async () => {
    const { path } = await startUnix();
    const client = stack.use(createHttpClient({ socketPath: path }));
    const body = '{"Tty":false}';
    const result = await client.upgrade({
      method: 'POST',
      url: '/attach/a',
      headers: { 'content-length': String(body.length) },
      body,
    });
    if (result.kind !== 'upgraded') throw new Error('not upgraded');
    expect(result.status).toBe(101);
    expect(result.headers).toMatchObject({
      upgrade: 'tcp',
      'content-type': 'application/vnd.docker.raw-stream',
    });
    result.socket.write('hello');
    expect(await readUntil(result.socket, 'HELLO')).toBe(`<${body}>HELLO`);
    result.socket.end();
    expect(await text(result.socket)).toBe('EOF');
  });

  test('stdin that arrives in one packet with head and body is not lost', async () => {
    const { path } = await startUnix();
    const socket = connect({ path, allowHalfOpen: true });
    socket.end(
      'POST /attach/a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n{}early',
    );
    expect((await text(socket)).split('\r\n\r\n')[1]).toBe('<{}>EARLYEOF');
  });

  test('a route that does not hijack answers an upgrade normally', async () => {
    const { path } = await startUnix();
    const client = stack.use(createHttpClient({ socketPath: path }));
    const result = await client.upgrade({ method: 'POST', url: '/attach/none' });
    if (result.kind !== 'response') throw new Error('upgraded');
    expect([result.status, await text(result.body)]).toEqual([404, '{"message":"No such container"}']);
  });

  test('without Upgrade the answer is 200 with an unframed body', async () => {
    const { path } = await startUnix();
    const socket = connect({ path, allowHalfOpen: true });
    socket.write('POST /output HTTP/1.1\r\nHost: x\r\n\r\n');
    const [head, body] = (await text(socket)).split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(head?.toLowerCase()).not.toMatch(/transfer-encoding|content-length/);
    expect(body).toBe('only output');
  });
});

const listen = (path: string): Promise<HttpServer> =>
  startHttpServer({ app: sampleApp(), listen: [{ kind: 'unix', path }] });

describe('listening', () => {
  test('replaces a socket whose server was killed', async () => {
    const path = join(dir, 'stale.sock');
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 9))`;
    spawnSync(process.execPath, ['-e', script]);
    expect((await stat(path)).isSocket()).toBe(true);
    const server = stack.use(await listen(path));
    const client = stack.use(createHttpClient({ socketPath: path }));
    expect((await client.request({ url: '/images/x/json' })).status).toBe(200);
    expect(server.addresses[0]?.url).toBe(`unix://${path}`);
  });

  test('refuses a served socket, a file, a long path and a taken port', async () => {
    const { path } = await startUnix();
    await expect(listen(path)).rejects.toMatchObject({ code: httpErrors.socketInUse.code });
    const file = join(dir, 'file');
    await writeFile(file, 'x');
    await expect(listen(file)).rejects.toMatchObject({ code: httpErrors.socketPathTaken.code });
    await expect(listen(join(dir, 'x'.repeat(110)))).rejects.toMatchObject({
      code: httpErrors.socketPathTooLong.code,
    });
    const other = createTcpServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    stack.defer(() => void other.close());
    const { port } = other.address() as { port: number };
    const both = startHttpServer({
      app: sampleApp(),
      listen: [
        { kind: 'unix', path: join(dir, 'half.sock') },
        { kind: 'tcp', host: '127.0.0.1', port },
      ],
    });
    await expect(both).rejects.toMatchObject({ code: httpErrors.addressInUse.code });
    await expect(stat(join(dir, 'half.sock'))).rejects.toThrow('ENOENT');
  });

  test('a connection that never finishes its headers is cut', async () => {
    const server = stack.use(
      await startHttpServer({
        app: sampleApp(),
        listen: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
        headersMs: 200,
      }),
    );
    const port = Number(new URL(server.addresses[0]?.url ?? '').port);
    for (const beginning of ['', 'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ']) {
      const socket = connect(port, '127.0.0.1');
      socket.write(beginning);
      expect(await text(socket)).toMatch(/^(?:HTTP\/1\.1 408 [^]*)?$/);
    }
  });

  test('close waits for a request in flight, then cuts what is left, and removes the socket', async () => {
    const { server, path } = await startUnix();
    const client = stack.use(createHttpClient({ socketPath: path }));
    const hanging = client.request({ url: '/wait' });
    hanging.catch(() => undefined);
    const slow = client.request({
      method: 'PUT',
      url: '/raw',
      body: Readable.from(
        (async function* () {
          yield 'a';
          await sleep(150);
          yield 'b';
        })(),
      ),
    });
    await sleep(50);
    const closing = server.close(400);
    expect(await text((await slow).body)).toBe('ab');
    await expect(hanging).rejects.toMatchObject({ kind: 'unavailable' });
    await closing;
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });
});
