import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { asImageId, parseDigest, type ImageConfig } from '#oci';
import type { Subject } from './delivery-types.ts';
import { scanPackages } from './scan-packages.ts';
import { sbomStatement } from './statements.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lade-scan-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const put = (path: string, text: string): void => {
  mkdirSync(join(root, dirname(path)), { recursive: true });
  writeFileSync(join(root, path), text);
};

const lockOf = (...names: readonly string[]): string =>
  JSON.stringify({
    packages: Object.fromEntries(names.map((name) => [`node_modules/${name}`, { version: '1' }])),
  });

const LIMITS = { fileBytes: 1000, totalBytes: 5000, packages: 20 };

test('what is within the limits is found, and nothing is told to be missing', async () => {
  put('a/package-lock.json', lockOf('one', 'two'));
  put('etc/os-release', 'ID=debian\n');
  const scan = await scanPackages(root, { limits: LIMITS });
  expect(scan.packages.map(({ name }) => name)).toEqual(['one', 'two']);
  expect(scan.distribution?.id).toBe('debian');
  expect(scan.leftOut).toEqual([]);
});

test('a file that is too large is passed over, and told', async () => {
  put('a/package-lock.json', lockOf('one'));
  put('b/package-lock.json', `${lockOf('two')}${' '.repeat(1000)}`);
  const scan = await scanPackages(root, { limits: LIMITS });
  expect(scan.packages.map(({ name }) => name)).toEqual(['one']);
  expect(scan.leftOut).toEqual(['/b/package-lock.json: it is larger than 1000 bytes']);
});

test('all files together, and all packages, have a bound', async () => {
  for (let index = 0; index < 20; index += 1)
    put(`${String(index).padStart(2, '0')}/package-lock.json`, `${lockOf(`p${index}`)}${' '.repeat(900)}`);
  const { packages, leftOut } = await scanPackages(root, { limits: LIMITS });
  expect(packages).toHaveLength(5);
  expect(leftOut).toHaveLength(11);
  expect(leftOut[0]).toBe('/05/package-lock.json: such files together are larger than 5000 bytes');
  expect(leftOut[10]).toBe('and 5 more files');
  put('all/package-lock.json', lockOf(...Array.from({ length: 30 }, (_, index) => `q${index}`)));
  const many = await scanPackages(join(root, 'all'), { limits: { ...LIMITS, fileBytes: 5000 } });
  expect(many.packages).toHaveLength(20);
  expect(many.leftOut).toEqual(['10 packages beyond 20']);
});

test('texts that no package has are left out', async () => {
  put('a/package-lock.json', lockOf('n'.repeat(600), 'one'));
  const scan = await scanPackages(root, { limits: LIMITS });
  expect(scan.packages.map(({ name }) => name)).toEqual(['one']);
  expect(scan.leftOut).toEqual(['/a/package-lock.json: names in it are longer than 512 characters']);
});

const subject: Subject = {
  image: { platform: 'linux/amd64', config: { rootfs: { diffIds: [] } } as unknown as ImageConfig },
  manifest: {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: parseDigest(asImageId(parseDigest(`sha256:${'a'.repeat(64)}`))),
    size: 1,
  },
  names: ['docker.io/library/x:latest'],
};

test('a thread makes the statement, and it says what is missing', async () => {
  put('a/package-lock.json', lockOf('one', 'n'.repeat(600)));
  const layers = {
    mountReadOnly: async () => ({ path: root, [Symbol.asyncDispose]: async () => undefined }),
  };
  const told: string[] = [];
  const made = await sbomStatement(layers, subject, undefined, (what) => told.push(what));
  expect(told).toEqual(['/a/package-lock.json: names in it are longer than 512 characters']);
  const statement = JSON.parse(Buffer.from(made.bytes).toString());
  expect(statement.predicateType).toBe('https://spdx.dev/Document');
  expect(statement.subject[0].name).toBe('pkg:docker/x@latest?platform=linux%2Famd64');
  expect(statement.predicate.creationInfo.comment).toContain('not complete: /a/package-lock.json');
  expect(statement.predicate.packages.map(({ name }: { name: string }) => name)).toContain('one');
});

test('an abort ends the thread’s work', async () => {
  const layers = {
    mountReadOnly: async () => ({ path: root, [Symbol.asyncDispose]: async () => undefined }),
  };
  const controller = new AbortController();
  const made = sbomStatement(layers, subject, controller.signal);
  controller.abort();
  await expect(made).rejects.toThrow();
});
