import { readdir, writeFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { digestBy, startWireRegistry, type WireRegistry } from './testing.ts';

const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';

let wire: WireRegistry;
beforeEach(async () => {
  wire = await startWireRegistry();
});
afterEach(() => wire[Symbol.asyncDispose]());

const pushImage = async (repository: string, content: string): Promise<string> => {
  const digest = await wire.blob(repository, content);
  const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: content.length };
  const body = JSON.stringify({ schemaVersion: 2, mediaType: OCI_IMAGE, config, layers: [] });
  const put = await wire.call('PUT', `/v2/${repository}/manifests/v1`, {
    body,
    headers: { 'content-type': OCI_IMAGE },
  });
  expect(put.status).toBe(201);
  return String(put.headers['docker-content-digest']);
};

const storedBlobs = async (): Promise<readonly string[]> =>
  (await readdir(join(wire.root, 'blobs'), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => `sha256:${name}`);

test('a blob of a manifest can be neither deleted nor collected; afterwards it goes', async () => {
  const manifest = await pushImage('a', 'content');
  const blob = digestBy('sha256', 'content');
  const refused = await wire.call('DELETE', `/v2/a/blobs/${blob}`);
  expect([refused.status, refused.code]).toEqual([405, 'UNSUPPORTED']);
  expect(await wire.registry.collect({ graceMs: -1 })).toMatchObject({ blobs: 0 });
  await wire.call('DELETE', `/v2/a/manifests/${manifest}`);
  expect(await wire.registry.collect()).toMatchObject({ blobs: 0 });
  expect(await wire.registry.collect({ graceMs: -1 })).toEqual({ blobs: 1, bytes: 7, uploads: 0 });
  expect(await storedBlobs()).toEqual([]);
  expect((await wire.call('GET', `/v2/a/blobs/${blob}`)).status).toBe(404);
});

test('content that another repository uses stays', async () => {
  const manifest = await pushImage('a', 'shared');
  await pushImage('b', 'shared');
  await wire.call('DELETE', `/v2/a/manifests/${manifest}`);
  await wire.registry.collect({ graceMs: -1 });
  expect((await wire.call('GET', `/v2/a/blobs/${digestBy('sha256', 'shared')}`)).status).toBe(404);
  expect((await wire.call('GET', `/v2/b/blobs/${digestBy('sha256', 'shared')}`)).text).toBe('shared');
});

test('files without a record and idle uploads are swept', async () => {
  const hex = digestBy('sha256', 'stray').slice('sha256:'.length);
  await mkdir(join(wire.root, 'blobs', 'sha256', hex.slice(0, 2)), { recursive: true });
  await writeFile(join(wire.root, 'blobs', 'sha256', hex.slice(0, 2), hex), 'stray');
  await wire.call('POST', '/v2/a/blobs/uploads/');
  expect(await wire.registry.collect({ graceMs: -1 })).toEqual({ blobs: 1, bytes: 5, uploads: 0 });
  expect(await storedBlobs()).toEqual([]);
});

test('pushing the same content while collecting never loses it', async () => {
  for (let round = 0; round < 15; round += 1) {
    const content = `content ${randomUUID()}`;
    const manifest = await pushImage('a', content);
    await wire.call('DELETE', `/v2/a/manifests/${manifest}`);
    const [pushed] = await Promise.all([wire.blob('b', content), wire.registry.collect({ graceMs: -1 })]);
    const found = await wire.call('GET', `/v2/b/blobs/${pushed}`);
    if (found.status === 200) expect(found.text).toBe(content);
    else expect(await storedBlobs()).not.toContain(pushed);
  }
});
