import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { buffer } from 'node:stream/consumers';
import { parseReference } from '#oci';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  createRegistryClient,
  verifying,
  type RegistryClientOptions,
  type RemoteRepository,
} from './index.ts';
import { sha256, startScript, type ScriptedRegistry } from './testing.ts';

const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const retry = { attempts: 4, backoffMs: 5, maxBackoffMs: 20, idleMs: 300 };

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const against = async (
  answer: Answer,
  options: RegistryClientOptions = {},
): Promise<{ registry: ScriptedRegistry; repository: RemoteRepository }> => {
  const registry = stack.use(
    await startScript((request, response) => {
      if (request.url === '/v2/') response.end('{}');
      else answer(request, response);
    }),
  );
  const client = stack.use(createRegistryClient({ retry, ...options }));
  return { registry, repository: client.repository(parseReference(`${registry.host}/team/app:v1`)) };
};

describe('manifests', () => {
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_IMAGE, layers: [] }));

  test('a wrong digest is corrupt, by digest and by header', async () => {
    const { repository } = await against((_request, response) => {
      response.setHeader('docker-content-digest', sha256('another'));
      response.end(manifest);
    });
    for (const target of [sha256('wanted'), 'v1']) {
      await expect(repository.resolve(target)).rejects.toMatchObject({
        code: 'DISTRIBUTION_DIGEST_MISMATCH',
      });
    }
  });

  test('a media type that says nothing is read from the manifest', async () => {
    const { repository } = await against((_request, response) => {
      response.setHeader('content-type', 'text/plain; charset=utf-8');
      response.end(manifest);
    });
    expect((await repository.resolve()).descriptor.mediaType).toBe(OCI_IMAGE);
  });

  test('an endless manifest is refused', async () => {
    const { repository } = await against((_request, response) => {
      void pipeline(
        Readable.from(
          (function* () {
            for (;;) yield Buffer.alloc(65_536, 'x');
          })(),
        ),
        response,
      ).catch(() => undefined);
    });
    await expect(repository.resolve()).rejects.toMatchObject({ code: 'DISTRIBUTION_MANIFEST_TOO_LARGE' });
  });

  test('429 and 503 are waited out, Retry-After obeyed', async () => {
    let calls = 0;
    const times: number[] = [];
    const { repository } = await against((_request, response) => {
      times.push(performance.now());
      calls += 1;
      if (calls === 1) response.writeHead(429, { 'retry-after': '1' }).end();
      else if (calls === 2) response.writeHead(503).end();
      else response.end(manifest);
    });
    await repository.resolve();
    expect(calls).toBe(3);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(950);
  });

  test('what stays 429 says so with the registry’s words', async () => {
    const { repository, registry } = await against((_request, response) => {
      response.writeHead(429).end('{"errors":[{"code":"TOOMANYREQUESTS","message":"slow\\u001b[31m down"}]}');
    });
    await expect(repository.resolve()).rejects.toMatchObject({
      code: 'DISTRIBUTION_RATE_LIMITED',
      message: `${registry.host} limits the rate of requests: slow [31m down`,
    });
    expect(registry.seen).toHaveLength(1 + retry.attempts);
  });

  test('a web server that is no registry', async () => {
    const registry = stack.use(
      await startScript((_request, response) => response.writeHead(404).end('<html>')),
    );
    const client = stack.use(createRegistryClient({ retry }));
    await expect(client.ping(registry.host)).rejects.toMatchObject({ code: 'DISTRIBUTION_NOT_A_REGISTRY' });
  });
});

describe('blobs', () => {
  const bytes = randomBytes(600_000);
  const digest = sha256(bytes);

  const sendFrom = (request: IncomingMessage, response: ServerResponse): number => {
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(start === 0 ? 200 : 206, {
      'content-length': bytes.length - start,
      ...(start === 0 ? {} : { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    });
    return start;
  };

  test('a connection that is cut again and again goes on where it stopped', async () => {
    const starts: number[] = [];
    const { repository } = await against((request, response) => {
      const start = sendFrom(request, response);
      starts.push(start);
      if (starts.length > 3) response.end(bytes.subarray(start));
      else
        response.write(bytes.subarray(start, start + 150_000), () =>
          setTimeout(() => response.destroy(), 20),
        );
    });
    const { stream, size } = await repository.blob(digest);
    expect([size, await buffer(stream)]).toEqual([bytes.length, bytes]);
    expect(starts).toEqual([0, 150_000, 300_000, 450_000]);
  });

  test('a server without ranges sends everything again, and nothing is doubled', async () => {
    let calls = 0;
    const { repository } = await against((_request, response) => {
      calls += 1;
      response.writeHead(200, { 'content-length': bytes.length });
      if (calls > 1) response.end(bytes);
      else response.write(bytes.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 20));
    });
    expect(await buffer((await repository.blob(digest)).stream)).toEqual(bytes);
    const whole = await repository.blob(digest, { start: 5 });
    expect(whole.partial).toBe(false);
    expect(await buffer(whole.stream)).toEqual(bytes);
  });

  test('a trickle that stalls is cut by the client and resumed', async () => {
    let calls = 0;
    const { repository } = await against((request, response) => {
      calls += 1;
      const start = sendFrom(request, response);
      if (calls > 1) response.end(bytes.subarray(start));
      else response.write(bytes.subarray(0, 1000));
    });
    expect(await buffer((await repository.blob(digest)).stream)).toEqual(bytes);
    expect(calls).toBe(2);
  });

  test('a cut that never ends is an error that says so', async () => {
    const { repository, registry } = await against((_request, response) => {
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, 10), () => setTimeout(() => response.destroy(), 10));
    });
    const { stream } = await repository.blob(digest);
    await expect(buffer(stream)).rejects.toMatchObject({ kind: 'unavailable', code: 'HTTP_CONNECTION_LOST' });
    expect(registry.seen.length).toBeLessThan(10);
  });

  test('wrong lengths and wrong bytes', async () => {
    const { repository } = await against((_request, response) => response.end(bytes));
    const wrongSize = repository.blob(digest, { size: bytes.length + 1 });
    await expect(wrongSize).rejects.toMatchObject({ code: 'DISTRIBUTION_SIZE_MISMATCH' });
    const place = { host: 'h', name: 'n' };
    const check = async (expected: Parameters<typeof verifying>[0]): Promise<Buffer> => {
      const { stream } = await repository.blob(digest);
      const verified = verifying(expected);
      stream.on('error', (error) => verified.destroy(error)).pipe(verified);
      return buffer(verified);
    };
    expect(await check({ ...place, digest, size: bytes.length })).toEqual(bytes);
    await expect(check({ ...place, digest: sha256('x'), size: bytes.length })).rejects.toMatchObject({
      code: 'DISTRIBUTION_DIGEST_MISMATCH',
    });
    for (const size of [bytes.length - 1, bytes.length + 1]) {
      await expect(check({ ...place, digest, size })).rejects.toMatchObject({
        code: 'DISTRIBUTION_SIZE_MISMATCH',
      });
    }
  });

  test('redirects are followed without taking the authorization elsewhere', async () => {
    const seen: (string | undefined)[] = [];
    const elsewhere = stack.use(
      await startScript((request, response) => {
        seen.push(request.headers.authorization);
        response.end(bytes);
      }),
    );
    const { repository } = await against(
      (request, response) => {
        if (request.headers.authorization === undefined) {
          response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
        } else response.writeHead(307, { location: `http://${elsewhere.host}/signed?x=1` }).end();
      },
      { credentials: async () => ({ kind: 'basic', username: 'u', password: 'p' }) },
    );
    expect(await buffer((await repository.blob(digest)).stream)).toEqual(bytes);
    expect(seen).toEqual([undefined]);
  });

  test('a redirect without end is an error', async () => {
    const { repository } = await against((request, response) =>
      response.writeHead(302, { location: request.url }).end(),
    );
    await expect(repository.blob(digest)).rejects.toMatchObject({ code: 'DISTRIBUTION_TOO_MANY_REDIRECTS' });
  });
});

describe('uploads', () => {
  const bytes = randomBytes(3_000_000);
  const digest = sha256(bytes);

  /** Takes uploads as a registry does; `fault` may spoil a PATCH by number. */
  const uploadServer = (
    fault: (patch: number, request: IncomingMessage, response: ServerResponse) => boolean,
  ) => {
    const taken: Buffer[] = [];
    let patches = 0;
    let sessions = 0;
    const size = (): number => taken.reduce((sum, chunk) => sum + chunk.length, 0);
    const range = () => ({ location: `/v2/u/${sessions}`, range: `0-${Math.max(0, size() - 1)}` });
    const answer: Answer = (request, response) => {
      if (request.method === 'POST') {
        sessions += 1;
        taken.length = 0;
        request.resume();
        response.writeHead(202, range()).end();
      } else if (request.method === 'GET') response.writeHead(204, range()).end();
      else if (request.method === 'PATCH') {
        patches += 1;
        if (fault(patches, request, response)) return;
        request.on('data', (chunk: Buffer) => taken.push(chunk));
        request.on('end', () => response.writeHead(202, range()).end());
      } else {
        request.resume();
        const complete = request.method === 'PUT' && sha256(Buffer.concat(taken)) === digest;
        response.writeHead(complete ? 201 : 400).end();
      }
    };
    return { answer, taken, size, sessions: () => sessions, patches: () => patches };
  };

  test('go on after a cut from where the registry stands', async () => {
    const server = uploadServer((patch, request) => {
      if (patch > 2) return false;
      request.on('data', (chunk: Buffer) => {
        server.taken.push(chunk);
        if (server.size() > patch * 1_000_000) request.destroy();
      });
      return true;
    });
    const { repository, registry } = await against(server.answer);
    await repository.pushBlob({ digest, size: bytes.length }, (start) =>
      Readable.from([bytes.subarray(start)]),
    );
    expect([server.sessions(), server.patches()]).toEqual([1, 3]);
    expect(registry.seen.filter((line) => line.startsWith('GET /v2/u/'))).toHaveLength(2);
  });

  test('start over when the session is gone', async () => {
    const server = uploadServer((patch, request, response) => {
      if (patch > 1) return false;
      request.resume();
      request.on('end', () => response.writeHead(503).end());
      return true;
    });
    const { repository } = await against((request, response) => {
      if (request.method === 'GET') response.writeHead(404).end();
      else server.answer(request, response);
    });
    await repository.pushBlob({ digest, size: bytes.length }, (start) =>
      Readable.from([bytes.subarray(start)]),
    );
    expect(server.sessions()).toBe(2);
  });

  test('a registry that refuses is not tried again, and its session is ended', async () => {
    const server = uploadServer((_patch, request, response) => {
      request.resume();
      request.on('end', () =>
        response.writeHead(400).end('{"errors":[{"code":"SIZE_INVALID","message":"too big"}]}'),
      );
      return true;
    });
    const { repository, registry } = await against(server.answer);
    const pushing = repository.pushBlob({ digest, size: bytes.length }, (start) =>
      Readable.from([bytes.subarray(start)]),
    );
    await expect(pushing).rejects.toMatchObject({
      code: 'DISTRIBUTION_REFUSED',
      message: expect.stringContaining('too big'),
    });
    expect([server.patches(), registry.seen.at(-1)]).toEqual([1, 'DELETE /v2/u/1']);
  });
});
