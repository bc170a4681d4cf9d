import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compressInto } from './compress-layer.ts';
import { makeScratch, noise, openLibrary, rootfsTar, type Opened, type Scratch } from './testing.ts';

let scratch: Scratch;
let opened: Opened;
beforeEach(async () => {
  scratch = makeScratch();
  opened = await openLibrary(join(scratch.path, 'root'));
});
afterEach(async () => {
  await opened[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

const startRefusing = async () => {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="x"', 'Content-Type': 'application/json' });
    response.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};

describe('compression', () => {
  const files = { text: 'abc '.repeat(700_000), noise: noise(1_500_000, 3), empty: '' };
  const compress = async (library: Opened, path: string) => {
    await using lease = await library.store.leases.create({ label: 'test' });
    await using ingest = await library.store.blobs.ingest({ ref: 'test', lease });
    await compressInto(ingest, path);
    const { digest } = await ingest.commit();
    return library.store.blobs.read(digest);
  };

  test('is the same each time, of many members, and what gzip takes', async () => {
    const view = await opened.library.import({ stream: rootfsTar(files) });
    const path = opened.layers.tarPath(view.config.rootfs.diffIds[0]!);
    const [first, second] = [await compress(opened, path), await compress(opened, path)];
    expect(second).toEqual(first);
    expect(first.length).toBeLessThan(1_600_000);
    expect(gunzipSync(first)).toEqual(readFileSync(path));
    writeFileSync(join(scratch.path, 'layer.gz'), first);
    execFileSync('gzip', ['-t', join(scratch.path, 'layer.gz')]);
  });

  test('of nothing is a valid file of nothing', async () => {
    writeFileSync(join(scratch.path, 'empty'), '');
    expect(gunzipSync(await compress(opened, join(scratch.path, 'empty')))).toHaveLength(0);
  });

  test('stops when aborted', async () => {
    const path = join(scratch.path, 'zeros');
    writeFileSync(path, Buffer.alloc(8 << 20));
    await using lease = await opened.store.leases.create({ label: 'test' });
    await using ingest = await opened.store.blobs.ingest({ ref: 'test', lease });
    await expect(compressInto(ingest, path, { signal: AbortSignal.abort() })).rejects.toThrow();
  });
});

describe('refusals', () => {
  test('of a digest, of an unknown name, of a registry that wants a login', async () => {
    await using registry = await startRefusing();
    const { library } = opened;
    const reference = `${registry.host}/x:1`;
    await library.import({ stream: rootfsTar({ a: 'b' }), reference });
    await expect(
      library.push({ reference: `${registry.host}/x@sha256:${'0'.repeat(64)}` }),
    ).rejects.toMatchObject({ kind: 'invalid-argument' });
    await expect(library.push({ reference: 'none' })).rejects.toThrow(
      'An image does not exist locally with the tag: none:latest',
    );
    await expect(library.push({ reference })).rejects.toMatchObject({
      kind: 'unauthenticated',
      hint: expect.stringContaining('login') as string,
    });
    expect(library.inspect(reference).RepoDigests).toEqual([]);
    expect(opened.events.some((event) => event.action === 'push')).toBe(false);
  });
});
