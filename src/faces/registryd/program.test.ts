import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

let dir: string;
let children: ChildProcess[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lade-program-'));
  children = [];
});
afterEach(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await rm(dir, { recursive: true, force: true });
});

interface Program {
  readonly child: ChildProcess;
  readonly url: string;
  readonly port: number;
  /** What it wrote to standard error until now. */
  readonly log: () => string;
}

const writeSettings = (yaml: string): Promise<void> => writeFile(join(dir, 'r.yaml'), yaml);

const spawnProgram = (...flags: readonly string[]): ChildProcess => {
  const child = spawn(process.execPath, [MAIN, '--root', join(dir, 'root'), ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
};

const serve = async (yaml: string, ...flags: readonly string[]): Promise<Program> => {
  await writeSettings(yaml);
  const child = spawnProgram('--config', join(dir, 'r.yaml'), '--listen', '127.0.0.1:0', ...flags);
  if (child.stdout === null || child.stderr === null) throw new Error('no output');
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /serving (\S+) from/.exec(line)?.[1];
    if (url !== undefined) return { child, url, port: Number(new URL(url).port), log: () => log };
  }
  throw new Error(`the registry ended: ${log}`);
};

const failing = async (...flags: readonly string[]): Promise<string> => {
  const child = spawnProgram(...flags);
  const [message, [code]] = await Promise.all([
    child.stderr === null ? '' : text(child.stderr),
    once(child, 'exit') as Promise<[number | null]>,
  ]);
  expect(code).toBe(1);
  return message;
};

const makeCertificate = async (name: string): Promise<void> => {
  const request = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2';
  const names = `-keyout ${name}.key -out ${name}.crt -subj /CN=${name} -addext subjectAltName=IP:127.0.0.1`;
  await run('openssl', `${request} ${names}`.split(' '), { cwd: dir });
};

const tlsTo = async (port: number, more: object = {}): Promise<TLSSocket> => {
  const socket = tlsConnect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...more });
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  return socket;
};

const ask = async (socket: TLSSocket, path: string): Promise<string> => {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.once('data', (answer: Buffer) => resolve(answer.toString().split('\r\n')[0] ?? ''));
  socket.once('close', () => resolve('closed'));
  if (socket.destroyed) resolve('closed');
  return promise;
};

describe('doors', () => {
  test('no address beyond loopback without TLS and users, unless told so, loudly', async () => {
    expect(await failing('--listen', '0.0.0.0:0')).toMatch(
      /refusing to listen on 0\.0\.0\.0:0 without TLS and users/,
    );
    expect(await failing('--listen', '127.0.0.1:0', '--listen', '[::]:0')).toContain(
      'refusing to listen on :::0',
    );
    await makeCertificate('server');
    const tls = ['--tls-cert', join(dir, 'server.crt'), '--tls-key', join(dir, 'server.key')];
    expect(await failing('--listen', '0.0.0.0:0', ...tls)).toContain('without users');
    const { log, child } = await serve('', '--listen', '0.0.0.0:0', '--insecure');
    expect(log()).toContain('INSECURE');
    expect(child.exitCode).toBeNull();
  });

  test('a certificate that is none, or has another key, is said before anything is served', async () => {
    await makeCertificate('server');
    await makeCertificate('other');
    const listen = ['--listen', '127.0.0.1:0'];
    const [cert, key] = [join(dir, 'server.crt'), join(dir, 'other.key')];
    expect(await failing(...listen, '--tls-cert', key, '--tls-key', key)).toContain('cannot use');
    expect(await failing(...listen, '--tls-cert', cert, '--tls-key', key)).toMatch(
      /cannot use .*other\.key.*mismatch/,
    );
    expect(await failing(...listen, '--tls-cert', '/nowhere', '--tls-key', key)).toContain('/nowhere');
  });
});

describe('TLS', () => {
  const settings = () =>
    `tls: { certificate: ${join(dir, 'server.crt')}, key: ${join(dir, 'server.key')} }\n`;
  const subjectAt = async (port: number): Promise<string> => {
    const socket = await tlsTo(port);
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return String(subject.CN);
  };

  test('a new certificate is taken while connections stay open; a bad one is not', async () => {
    await makeCertificate('server');
    await makeCertificate('next');
    const { port, child, log } = await serve(settings());
    const open = await tlsTo(port);
    expect(await ask(open, '/healthz')).toBe('HTTP/1.1 200 OK');
    await rename(join(dir, 'next.crt'), join(dir, 'server.crt'));
    child.kill('SIGHUP');
    await expect.poll(log).toContain('the old one stays');
    expect(await subjectAt(port)).toBe('server');
    await rename(join(dir, 'next.key'), join(dir, 'server.key'));
    child.kill('SIGHUP');
    await expect.poll(log).toContain('certificate read');
    expect(await subjectAt(port)).toBe('next');
    expect(await ask(open, '/healthz')).toBe('HTTP/1.1 200 OK');
    open.destroy();
    const { stderr, stdout } = await run(
      'openssl',
      ['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_2'],
      {
        timeout: 10_000,
      },
    ).catch((error: unknown) => error as { stderr: string; stdout: string });
    expect(stdout + stderr).toContain('CN = next');
    const old = run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_1']);
    await expect(old).rejects.toThrow();
  });

  test('a file that changes is read without being told', { timeout: 30_000 }, async () => {
    await makeCertificate('server');
    await makeCertificate('next');
    const { port } = await serve(settings());
    await rename(join(dir, 'next.key'), join(dir, 'server.key'));
    await rename(join(dir, 'next.crt'), join(dir, 'server.crt'));
    await expect.poll(() => subjectAt(port), { timeout: 20_000, interval: 300 }).toBe('next');
  });

  test('a client certificate is an identity; one of a stranger is none', async () => {
    for (const name of ['server', 'client', 'stranger']) await makeCertificate(name);
    const more = `, clientCa: ${join(dir, 'client.crt')} }\naccess: { certificates: commonName }\naccessLog: { to: ${join(dir, 'log')} }\n`;
    const { port } = await serve(settings().replace(' }\n', more));
    for (const name of ['client', 'stranger', undefined]) {
      const pair =
        name === undefined
          ? {}
          : { cert: await readFile(join(dir, `${name}.crt`)), key: await readFile(join(dir, `${name}.key`)) };
      const socket = await tlsTo(port, pair);
      expect(await ask(socket, '/v2/')).toBe(`HTTP/1.1 ${name === 'client' ? '200 OK' : '401 Unauthorized'}`);
      socket.destroy();
    }
    const callers = async (): Promise<readonly string[]> =>
      [...(await readFile(join(dir, 'log'), 'utf8')).matchAll(/"caller":"(\w*)"/g)].map(
        ([, name = '']) => name,
      );
    await expect.poll(callers).toEqual(['client', 'anonymous', 'anonymous']);
  });

  test('clients without a certificate of the authority are refused where that is required', async () => {
    for (const name of ['server', 'client', 'stranger']) await makeCertificate(name);
    const more = `, clientCa: ${join(dir, 'client.crt')}, clientCertificates: required }\n`;
    const { port } = await serve(settings().replace(' }\n', more));
    const pair = async (name: string) => ({
      cert: await readFile(join(dir, `${name}.crt`)),
      key: await readFile(join(dir, `${name}.key`)),
    });
    const known = await tlsTo(port, await pair('client'));
    expect(await ask(known, '/healthz')).toBe('HTTP/1.1 200 OK');
    known.destroy();
    for (const name of ['stranger', undefined]) {
      const socket = await tlsTo(port, name === undefined ? {} : await pair(name));
      expect(await ask(socket, '/healthz')).toBe('closed');
    }
  });
});

const get = async (
  { port }: Program,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number | undefined; headers: NodeJS.Dict<string | string[]>; body: string }> => {
  const request = httpRequest({ host: '127.0.0.1', port, path, headers }).end();
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return { status: answer.statusCode, headers: answer.headers, body: await text(answer) };
};

describe('what is told of requests', () => {
  const lines = async (): Promise<readonly Record<string, unknown>[]> =>
    (await readFile(join(dir, 'access.log'), 'utf8'))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const settings = () =>
    `accessLog: { to: ${join(dir, 'access.log')} }\ntrustedProxies: [127.0.0.0/8, 10.1.0.0/16]\n`;

  test('one line of JSON each, whatever clients send; ids are kept, or made where they are strange', async () => {
    const program = await serve(settings());
    const named = await get(program, '/v2/', { 'x-request-id': 'abc-1', 'user-agent': 'x"\u009b\u0085{' });
    expect(named.headers['x-request-id']).toBe('abc-1');
    const strange = await get(program, '/v2/a/manifests/b?token=hunter2', { 'x-request-id': 'a b"' });
    expect(strange.headers['x-request-id']).toMatch(/^[\da-f]{24}$/);
    expect(JSON.parse(strange.body)).toMatchObject({
      errors: [{ detail: { requestId: strange.headers['x-request-id'] } }],
    });
    await expect.poll(lines).toHaveLength(2);
    const logged = await lines();
    expect(logged[0]).toMatchObject({
      id: 'abc-1',
      method: 'GET',
      path: '/v2/',
      status: 200,
      bytes: 2,
      caller: 'anonymous',
      address: '127.0.0.1',
      agent: 'x"\u009b\u0085{',
    });
    expect(logged[1]).toMatchObject({ path: '/v2/a/manifests/b', status: 404 });
    const raw = await readFile(join(dir, 'access.log'));
    expect(raw.toString()).not.toContain('hunter2');
    // eslint-disable-next-line no-control-regex
    expect(raw.toString()).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/);
  });

  test('the address is that of the nearest proxy that is not trusted', async () => {
    const program = await serve(settings());
    for (const chain of ['203.0.113.9', '1.2.3.4, 203.0.113.9, 10.1.2.3', 'nonsense, 203.0.113.9', '<x>'])
      await get(program, '/v2/', { 'x-forwarded-for': chain });
    await expect.poll(lines).toHaveLength(4);
    expect((await lines()).map(({ address }) => address)).toEqual([
      '203.0.113.9',
      '203.0.113.9',
      '203.0.113.9',
      '127.0.0.1',
    ]);
  });

  test('nobody is believed where no proxy is trusted', async () => {
    const program = await serve(settings().replace(/trusted.*/, ''));
    await get(program, '/v2/', { 'x-forwarded-for': '203.0.113.9' });
    await expect.poll(lines).toMatchObject([{ address: '127.0.0.1' }]);
  });

  test('the file is opened again on SIGHUP, after it was moved away', async () => {
    const program = await serve(settings());
    await get(program, '/v2/');
    await expect.poll(lines).toHaveLength(1);
    await rename(join(dir, 'access.log'), join(dir, 'access.log.1'));
    program.child.kill('SIGHUP');
    await expect.poll(program.log).toContain('settings read again');
    await get(program, '/v2/');
    await expect.poll(() => lines().catch(() => [])).toHaveLength(1);
  });
});

/** Reads Prometheus' text as its format says, and complains about what it does not allow. */
const parseMetrics = (body: string): ReadonlyMap<string, number> => {
  const samples = new Map<string, number>();
  const types = new Map<string, string>();
  for (const line of body.split('\n').slice(0, -1)) {
    const [, kind, named, rest] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === 'TYPE') types.set(named ?? '', rest ?? '');
    if (kind !== undefined) continue;
    const [, name = '', labels = '', value = ''] =
      /^([a-zA-Z_:][\w:]*)((?:\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*\})?) (\S+)$/.exec(line) ?? [];
    expect(name, line).not.toBe('');
    const family = types.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, '');
    expect(types.get(family), line).toMatch(/^(?:counter|gauge|histogram)$/);
    expect(samples.has(name + labels), line).toBe(false);
    expect(Number(value), line).not.toBeNaN();
    samples.set(name + labels, Number(value));
  }
  return samples;
};

describe('monitors', () => {
  test('metrics count requests, add up, and grow with nothing that clients choose', async () => {
    const program = await serve('');
    for (let index = 0; index < 20; index += 1)
      await get(program, `/v2/team/app${index}/manifests/v${index}`);
    const { status, body, headers } = await get(program, '/metrics');
    expect([status, headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    const metrics = parseMetrics(body);
    const labels = 'method="GET",route="manifest"';
    expect(metrics.get(`lade_registry_requests_total{${labels},status="404"}`)).toBe(20);
    expect(metrics.get(`lade_registry_request_duration_seconds_count{${labels}}`)).toBe(20);
    expect(metrics.get(`lade_registry_request_duration_seconds_bucket{${labels},le="+Inf"}`)).toBe(20);
    expect(metrics.get('lade_registry_requests_in_flight')).toBe(1);
    expect(metrics.get('process_resident_memory_bytes')).toBeGreaterThan(1e6);
    expect(body).not.toContain('team');
  });

  test('metrics are for this machine, who has the token, or an own address', async () => {
    const program = await serve('metrics: { token: hunter2 }\n');
    expect((await get(program, '/metrics')).status).toBe(401);
    expect((await get(program, '/metrics', { authorization: 'Bearer hunter3' })).status).toBe(401);
    expect((await get(program, '/metrics', { authorization: 'Bearer hunter2' })).status).toBe(200);
    const open = await serve('metrics: { enabled: true }\n', '--root', join(dir, 'second'));
    expect((await get(open, '/metrics', { 'x-forwarded-for': '203.0.113.9' })).status).toBe(403);
    const none = await serve('metrics: { enabled: false }\n', '--root', join(dir, 'third'));
    expect((await get(none, '/metrics')).status).toBe(404);
  });

  test('readiness looks at the database and the disk', async () => {
    const ready = await serve('');
    expect(await get(ready, '/readyz')).toMatchObject({ status: 200, body: 'database: ok\ndisk: ok\n' });
    expect(await get(ready, '/healthz')).toMatchObject({ status: 200, body: 'ok\n' });
    const full = await serve('health: { diskFloor: 8000TiB }\n', '--root', join(dir, 'second'));
    const answer = await get(full, '/readyz');
    expect(answer.status).toBe(503);
    expect(answer.body).toBe('database: ok\ndisk: failed\n');
    await expect.poll(full.log).toMatch(/bytes are free, \d+ are wanted/);
  });
});

describe('signals', () => {
  test('SIGHUP takes new settings over, keeps the old ones when the file is bad, and says what needs a restart', async () => {
    const { child, log } = await serve('log: { level: warn }\n');
    await writeSettings('log: { level: infos }\n');
    child.kill('SIGHUP');
    await expect.poll(log).toMatch(/r\.yaml:1:15: log\.level: must be one of .*the old ones stay/);
    await writeSettings('log: { level: info }\ndrain: 1s\nlimits: { bodyIdle: 1m }\n');
    child.kill('SIGHUP');
    await expect.poll(log).toContain('"keys":["drain","limits"]');
    await expect.poll(log).toContain('settings read again');
  });

  test('SIGTERM lets an upload end and takes no more; streams of events end; a second one does not wait', async () => {
    const program = await serve('drain: 20s\n');
    const begun = httpRequest({
      host: '127.0.0.1',
      port: program.port,
      path: '/v2/a/blobs/uploads/',
      method: 'POST',
    }).end();
    const [answer] = (await once(begun, 'response')) as [IncomingMessage];
    answer.resume();
    const upload = () =>
      httpRequest({
        host: '127.0.0.1',
        port: program.port,
        path: String(answer.headers.location),
        method: 'PATCH',
        headers: { 'content-length': '6', 'content-type': 'application/octet-stream' },
        agent: false,
      });
    const patch = upload();
    patch.write('abc');
    await expect.poll(async () => (await get(program, '/metrics')).body).toMatch(/requests_in_flight 2/);
    program.child.kill('SIGTERM');
    await expect
      .poll(() =>
        get(program, '/healthz').then(
          () => 'serves',
          () => 'refuses',
        ),
      )
      .toBe('refuses');
    patch.end('def');
    const [done] = (await once(patch, 'response')) as [IncomingMessage];
    expect(done.statusCode).toBe(202);
    done.resume();
    const [code] = (await once(program.child, 'exit')) as [number | null];
    expect(code).toBe(0);

    const third = await serve('drain: 1h\n', '--root', join(dir, 'third'));
    const stream = httpRequest({
      host: '127.0.0.1',
      port: third.port,
      path: '/lade/v1/registry/events',
    }).end();
    const [events] = (await once(stream, 'response')) as [IncomingMessage];
    third.child.kill('SIGTERM');
    expect(await text(events)).toBe('');
    const [clean] = (await once(third.child, 'exit')) as [number | null];
    expect(clean).toBe(0);

    const second = await serve('drain: 1h\n');
    const hanging = httpRequest({
      host: '127.0.0.1',
      port: second.port,
      path: String(answer.headers.location),
      method: 'PATCH',
      headers: { 'content-length': '6', 'content-type': 'application/octet-stream' },
    });
    hanging.on('error', () => undefined);
    hanging.write('abc');
    await expect.poll(async () => (await get(second, '/metrics')).body).toMatch(/requests_in_flight 2/);
    second.child.kill('SIGTERM');
    await expect
      .poll(() =>
        get(second, '/healthz').then(
          () => 'serves',
          () => 'refuses',
        ),
      )
      .toBe('refuses');
    second.child.kill('SIGTERM');
    const [, signal] = (await once(second.child, 'exit')) as [number | null, string | null];
    expect(signal).toBe('SIGTERM');
  });
});
