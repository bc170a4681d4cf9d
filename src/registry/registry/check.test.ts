import { appendFile, chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Finding } from '#keeping';
import { digestBy, startWireRegistry, type WireRegistry } from './testing.ts';

const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const cause = { actor: 'tester' };

let wire: WireRegistry;
beforeEach(async () => {
  wire = await startWireRegistry();
});
afterEach(() => wire[Symbol.asyncDispose]());

const pathOf = (digest: string): string => {
  const [algorithm = '', hex = ''] = digest.split(':');
  return join(wire.root, 'blobs', algorithm, hex.slice(0, 2), hex);
};

const pushImage = async (
  repository: string,
  config: string,
  layers: readonly object[] = [],
): Promise<string> => {
  const digest = await wire.blob(repository, config);
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_IMAGE,
    config: { mediaType: 'application/x', digest, size: config.length },
    layers,
  });
  const headers = { 'content-type': OCI_IMAGE };
  const put = await wire.call('PUT', `/v2/${repository}/manifests/v1`, { body, headers });
  expect(put.status).toBe(201);
  return digest;
};

const corrupt = async (digest: string): Promise<void> => {
  await chmod(pathOf(digest), 0o600);
  await appendFile(pathOf(digest), 'x');
};

const check = async (options: { readonly repair?: boolean; readonly restart?: boolean } = {}) => {
  const findings: Finding[] = [];
  const report = await wire.registry.keeping.check({
    ...options,
    cause,
    onFinding: (finding) => void findings.push(finding),
  });
  expect(report.findings).toEqual(findings);
  return report;
};

const kinds = (findings: readonly Finding[]): readonly string[] =>
  findings.map(({ kind, digest = '' }) => `${kind} ${digest}`);

test('what is whole has no findings', async () => {
  const foreign = { mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar', size: 1 };
  await pushImage('a', 'one', [{ ...foreign, digest: digestBy('sha256', 'elsewhere') }]);
  await pushImage('b', 'two');
  expect(await check()).toMatchObject({ blobs: 2, ofBlobs: 2, bytes: 6, manifests: 2, findings: [] });
});

test('finds corrupt and missing blobs; repair lets clients push them again, and links them everywhere', async () => {
  const [bad, gone] = [await pushImage('a', 'bad'), await pushImage('a', 'gone')];
  await pushImage('b', 'bad');
  await corrupt(bad);
  await rm(pathOf(gone));
  const found = [`blob-corrupt ${bad}`, `blob-missing ${gone}`].toSorted();
  const first = await check();
  expect(kinds(first.findings).toSorted()).toEqual(found);
  expect(first.findings.every(({ repair }) => repair === undefined)).toBe(true);
  expect((await wire.call('HEAD', `/v2/a/blobs/${bad}`)).status).toBe(200);

  const repaired = await check({ repair: true });
  expect(kinds(repaired.findings).slice(0, 2).toSorted()).toEqual(found);
  expect((await wire.call('HEAD', `/v2/a/blobs/${bad}`)).status).toBe(404);
  const aside = await readdir(join(wire.root, 'quarantine'));
  expect(aside.map((name) => name.split('-')[1])).toEqual([bad.slice('sha256:'.length)]);

  await wire.blob('a', 'bad');
  await wire.blob('a', 'gone');
  expect((await wire.call('GET', `/v2/a/blobs/${bad}`)).text).toBe('bad');
  expect((await wire.call('GET', `/v2/b/blobs/${bad}`)).status).toBe(404);
  const relinked = await check({ repair: true });
  expect(relinked.findings).toMatchObject([
    { kind: 'link-missing', repository: 'b', digest: bad, repair: 'linked again' },
  ]);
  expect((await wire.call('GET', `/v2/b/blobs/${bad}`)).text).toBe('bad');
  expect((await check()).findings).toEqual([]);
  const { faults } = await wire.storage.metadata.accounting.recount();
  expect(faults).toEqual([]);
});

test('a finding names a few of many repositories, and how many more there are', async () => {
  const names = Array.from({ length: 13 }, (_, index) => `r${String(index).padStart(2, '0')}`);
  for (const name of names) await wire.blob(name, 'shared');
  await corrupt(digestBy('sha256', 'shared'));
  const { findings } = await check({ repair: true });
  expect(findings.map(({ repair }) => repair)).toEqual([
    `moved to quarantine; push it again to ${names.slice(0, 10).join(', ')} and 3 more`,
  ]);
});

test('manifests are read a few bytes at a time, and all of them', async () => {
  for (let index = 0; index < 5; index += 1) await pushImage('a', `content ${index}`);
  const { scrub } = wire.storage.metadata;
  const page = (after: string, maxBytes: number) => scrub.manifestContents({ limit: 4, after, maxBytes });
  const [first, second, third] = page('', 1e9);
  expect(page('', 1e9)).toHaveLength(4);
  if (first === undefined || second === undefined) throw new Error('there are no manifests');
  const both = first.bytes.length + second.bytes.length;
  expect(page('', both)).toEqual([first, second]);
  expect(page('', both - 1)).toEqual([first]);
  expect(page('', 1)).toEqual([first]);
  expect(page(second.digest, 1)).toEqual([third]);
  expect(await check()).toMatchObject({ manifests: 5 });
});

test('a foreign layer is never linked, also where another repository has such a blob', async () => {
  const secret = await pushImage('secret', 'hidden');
  await pushImage('a', 'one', [
    { mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar', size: 6, digest: secret },
  ]);
  expect((await check({ repair: true })).findings).toEqual([]);
  expect((await wire.call('GET', `/v2/a/blobs/${secret}`)).status).toBe(404);
});

test('finds files without a record', async () => {
  const stray = digestBy('sha256', 'stray');
  await mkdir(dirname(pathOf(stray)), { recursive: true });
  await writeFile(pathOf(stray), 'stray');
  expect((await check()).findings).toEqual([]);
  const { createKeeping, KEEPING_DEFAULTS } = await import('#keeping');
  const keeping = createKeeping(wire.storage, { ...KEEPING_DEFAULTS, uploadWindowMs: -60_000 });
  expect(kinds((await keeping.check({ cause })).findings)).toEqual([`file-stray ${stray}`]);
});

test('goes on where it was interrupted', async () => {
  const digests = new Set<string>();
  for (let index = 0; index < 6; index += 1) digests.add(await pushImage('a', `content ${index}`));
  const [first = ''] = [...digests].toSorted();
  await corrupt(first);
  const stop = new AbortController();
  const { keeping } = wire.registry;
  const interrupted = keeping.check({
    cause,
    signal: stop.signal,
    onProgress: ({ blobs }) => {
      if (blobs === 3) stop.abort();
    },
  });
  await expect(interrupted).rejects.toThrow('abort');
  expect(keeping.report()).toMatchObject({ blobs: 3 });
  expect(keeping.report()?.finishedMs).toBeUndefined();
  const told: Finding[] = [];
  const report = await keeping.check({ cause, onFinding: (finding) => void told.push(finding) });
  expect(report).toMatchObject({ blobs: 6, findings: [{ digest: first }] });
  expect(told).toEqual([]);
  expect((await check({ restart: true })).findings).toHaveLength(1);
});

test('one check at a time', async () => {
  await pushImage('a', 'one');
  const running = check();
  await expect(check()).rejects.toMatchObject({ code: 'KEEPING_CHECK_RUNS' });
  await running;
});
