import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { parseReference } from '#oci';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRegistryClient, type RemoteRepository } from './index.ts';
import { retryAfterMs } from './retry.ts';
import { serveShelf, sha256, startScript, type ScriptedRegistry } from './testing.ts';

const retry = { attempts: 4, backoffMs: 5, maxBackoffMs: 20, idleMs: 300 };

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

const against = async (
  answer: Answer,
): Promise<{ registry: ScriptedRegistry; repository: RemoteRepository }> => {
  const registry = stack.use(
    await startScript((request, response) => {
      if (request.url === '/v2/') response.end('{}');
      else answer(request, response);
    }),
  );
  const client = stack.use(createRegistryClient({ retry }));
  return { registry, repository: client.repository(parseReference(`${registry.host}/team/app:v1`)) };
};

describe('ranges', () => {
  const bytes = randomBytes(300_000);
  const digest = sha256(bytes);
  const start = 100_000;
  const all = { 'content-length': bytes.length };

  test.each<[string, (response: ServerResponse) => unknown]>([
    ['416', (response) => response.writeHead(416).end()],
    [
      'a later range',
      (response) =>
        response
          .writeHead(206, { 'content-range': `bytes 200000-299999/${bytes.length}` })
          .end(bytes.subarray(200_000)),
    ],
    ['206 without saying which', (response) => response.writeHead(206).end(bytes.subarray(start))],
    ['200', (response) => response.writeHead(200, all).end(bytes)],
  ])('answered with %s: everything comes from the beginning', async (_what, answer) => {
    const { repository } = await against((request, response) => {
      if (request.headers.range === undefined) response.writeHead(200, all).end(bytes);
      else answer(response);
    });
    const blob = await repository.blob(digest, { start, size: bytes.length });
    expect([blob.partial, await buffer(blob.stream)]).toEqual([false, bytes]);
  });

  test('answered with an earlier range: what is known already is left out', async () => {
    const { repository } = await against((_request, response) =>
      response
        .writeHead(206, { 'content-range': `bytes 50000-299999/${bytes.length}` })
        .end(bytes.subarray(50_000)),
    );
    const blob = await repository.blob(digest, { start, size: bytes.length });
    expect([blob.partial, await buffer(blob.stream)]).toEqual([true, bytes.subarray(start)]);
  });

  test('of a blob that is longer now are an error', async () => {
    const { repository } = await against((_request, response) =>
      response.writeHead(206, { 'content-range': `bytes ${start}-400000/400001` }).end(),
    );
    await expect(repository.blob(digest, { start, size: bytes.length })).rejects.toMatchObject({
      code: 'DISTRIBUTION_SIZE_MISMATCH',
    });
  });

  test('answered by 416 again and again, while the connection is cut, come to an end', async () => {
    const { repository, registry } = await against((request, response) => {
      if (request.headers.range !== undefined) return void response.writeHead(416).end();
      response.writeHead(200, all);
      return void response.write(bytes.subarray(0, 5000), () => setTimeout(() => response.destroy(), 10));
    });
    const { stream } = await repository.blob(digest);
    await expect(buffer(stream)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(registry.seen.length).toBeLessThan(12);
  });
});

describe('uploads', () => {
  const bytes = randomBytes(5_000_000);
  const digest = sha256(bytes);
  const open = (start: number): Readable => Readable.from([bytes.subarray(start)]);

  /** A registry that keeps what it is sent, and may answer a PATCH otherwise. */
  const taking = (patch: (request: IncomingMessage, response: ServerResponse) => boolean) => {
    const taken: Buffer[] = [];
    const ranges: string[] = [];
    const size = (): number => taken.reduce((sum, chunk) => sum + chunk.length, 0);
    const where = () => ({ location: '/v2/u/1', range: `0-${Math.max(0, size() - 1)}` });
    const answer: Answer = (request, response) => {
      if (request.method === 'POST') response.writeHead(202, where()).end();
      else if (request.method === 'GET') response.writeHead(204, where()).end();
      else if (request.method === 'PATCH') {
        if (patch(request, response)) return;
        ranges.push(request.headers['content-range'] ?? 'all');
        request.on('data', (chunk: Buffer) => taken.push(chunk));
        request.on('end', () => response.writeHead(202, where()).end());
      } else {
        request.resume();
        const isWhole = request.method === 'PUT' && sha256(Buffer.concat(taken)) === digest;
        response.writeHead(isWhole ? 201 : 400).end();
      }
    };
    return { answer, ranges };
  };

  test('go in chunks where a request may not be larger', async () => {
    const limit = 2 * 1024 * 1024;
    const server = taking((request, response) => {
      if (Number(request.headers['content-length']) <= limit) return false;
      request.resume();
      request.on('end', () => response.writeHead(413).end());
      return true;
    });
    const { repository } = await against(server.answer);
    const progress: number[] = [];
    await repository.pushBlob({ digest, size: bytes.length }, open, {
      onProgress: (sent) => void progress.push(sent),
    });
    const mebibyte = 1024 * 1024;
    expect(server.ranges).toEqual([
      `0-${mebibyte - 1}`,
      `${mebibyte}-${2 * mebibyte - 1}`,
      `${2 * mebibyte}-${3 * mebibyte - 1}`,
      `${3 * mebibyte}-${4 * mebibyte - 1}`,
      `${4 * mebibyte}-${bytes.length - 1}`,
    ]);
    expect(progress.at(-1)).toBe(bytes.length);
  });

  test('to a registry that takes no byte more are cut and go on', async () => {
    let stalls = 1;
    const server = taking((request) => {
      stalls -= 1;
      if (stalls < 0) return false;
      request.pause();
      return true;
    });
    const { repository } = await against(server.answer);
    // More than the buffers of a connection hold, in pieces.
    const many = Array.from({ length: 12 }, () => randomBytes(1_000_000));
    const large = Buffer.concat(many);
    const pushing = repository.pushBlob({ digest: sha256(large), size: large.length }, (start) =>
      Readable.from(
        (function* () {
          for (let at = start; at < large.length; at += 65_536) yield large.subarray(at, at + 65_536);
        })(),
      ),
    );
    await expect(pushing).rejects.toMatchObject({ code: 'DISTRIBUTION_REFUSED' });
    expect(server.ranges).toEqual(['all']);
  });

  test('wait as long as Retry-After says', async () => {
    const times: number[] = [];
    const server = taking((request, response) => {
      times.push(performance.now());
      if (times.length > 1) return false;
      request.resume();
      request.on('end', () => response.writeHead(503, { 'retry-after': '1' }).end());
      return true;
    });
    const { repository } = await against(server.answer);
    await repository.pushBlob({ digest, size: bytes.length }, open);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(950);
  });
});

test.each([
  ['3', 3000],
  ['Sat, 21 Nov 2026 07:00:10 GMT', 10_000],
  ['Sat, 21 Nov 2026 06:00:00 GMT', 0],
  ['999999', 120_000],
  ['soon', undefined],
  [undefined, undefined],
])('Retry-After %s', (header, wait) => {
  expect(retryAfterMs(header, Date.UTC(2026, 10, 21, 7, 0, 0))).toBe(wait);
});

test('a registry at an IPv6 address', async () => {
  const bytes = randomBytes(1000);
  const server = createServer(serveShelf(new Map([[sha256(bytes), { bytes }]])));
  stack.defer(() => void server.close());
  server.listen(0, '::1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = stack.use(createRegistryClient({ retry }));
  const repository = client.repository(parseReference(`[::1]:${port}/a/b`));
  expect(await buffer((await repository.blob(sha256(bytes))).stream)).toEqual(bytes);
});

describe('lists', () => {
  test('of tags that never end are given up', async () => {
    const page = JSON.stringify({ tags: ['x'.repeat(8 * 1024 * 1024)] });
    const { registry, repository } = await against((_request, response) =>
      response.writeHead(200, { link: '</v2/team/app/tags/list?last=x>; rel="next"' }).end(page),
    );
    await expect(repository.tags()).rejects.toMatchObject({ code: 'HTTP_BODY_TOO_LARGE' });
    expect(registry.seen.length).toBeLessThan(20);
  });

  test('of referrers that are none are an unreadable answer', async () => {
    const { repository } = await against((request, response) => {
      if (request.url?.includes('/manifests/') === true)
        response.writeHead(200, { 'content-type': 'application/vnd.oci.image.index.v1+json' }).end('[]');
      else response.writeHead(404).end('{}');
    });
    await expect(repository.referrers(sha256(Buffer.from('a')))).rejects.toMatchObject({
      kind: 'unavailable',
    });
  });
});
