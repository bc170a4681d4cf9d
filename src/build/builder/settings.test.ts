import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestShop, type TestShop } from './testing.ts';
import type { BuildEvent, BuildRequest, BuildResult } from './types.ts';

let shop: TestShop;
let context: string;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lade-settings-'));
  shop = await openTestShop();
  context = shop.newContext({ 'a.txt': 'a' });
});
afterAll(async () => {
  await shop[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const TEXT = 'FROM busybox\nCOPY a.txt /\nRUN cat a.txt > b.txt\n';

const build = async (
  more: Partial<BuildRequest>,
  text = TEXT,
): Promise<BuildResult & { readonly warnings: readonly string[] }> => {
  const warnings: string[] = [];
  const request = {
    context: { kind: 'directory', path: context } as const,
    dockerfile: { inline: text },
    ...more,
  };
  const result = await shop.builder.build(request, (event: BuildEvent) => {
    if (event.kind === 'warning') warnings.push(event.message);
  });
  return { ...result, warnings };
};

describe('build arguments that are settings', () => {
  test('BUILDKIT_INLINE_CACHE=1 is --cache-to type=inline', async () => {
    const plain = await build({ buildArgs: { BUILDKIT_INLINE_CACHE: '0' } });
    expect(shop.library.config(plain.imageId).buildCache).toBeUndefined();
    const [set, asked] = [
      await build({ buildArgs: { BUILDKIT_INLINE_CACHE: '1' } }),
      await build({ cacheTo: [{ kind: 'inline' }] }),
    ];
    expect(shop.library.config(set.imageId).buildCache).toBeDefined();
    expect(set.imageId).toBe(asked.imageId);
    expect(set.warnings).toEqual([]);
  });

  test('BUILDKIT_MULTI_PLATFORM=1 makes an index and a directory for one platform, too', async () => {
    const outputs = (name: string): BuildRequest['outputs'] => [
      { kind: 'image', names: [`${name}:1`], push: false },
      { kind: 'oci', destination: join(folder, name), tar: false },
      { kind: 'local', destination: join(folder, `${name}-files`) },
    ];
    const one = await build({ outputs: outputs('one') });
    const many = await build({
      outputs: outputs('many'),
      buildArgs: { BUILDKIT_MULTI_PLATFORM: 'true' },
      annotations: { 'index:a': 'b' },
    });
    const top = (name: string): Record<string, unknown> => {
      const { manifests } = JSON.parse(readFileSync(join(folder, name, 'index.json'), 'utf8'));
      const digest = String(manifests[0].digest).slice('sha256:'.length);
      return JSON.parse(readFileSync(join(folder, name, 'blobs/sha256', digest), 'utf8'));
    };
    expect(top('one')['config']).toBeDefined();
    expect(top('many')).toMatchObject({
      annotations: { a: 'b' },
      manifests: [{ platform: { os: 'linux' } }],
    });
    expect(many.imageId).toBe(one.imageId);
    expect(shop.library.resolve('many:1').id).toBe(one.imageId);
    expect(readdirSync(join(folder, 'one-files'))).toContain('b.txt');
    expect(readdirSync(join(folder, 'many-files'))).toEqual([one.images[0]?.platform.replaceAll('/', '_')]);
    expect(many.metadata).not.toHaveProperty(['containerimage.config.digest']);
  });

  test.each(['BUILDKIT_INLINE_CACHE', 'BUILDKIT_MULTI_PLATFORM'])('%s=maybe is refused', async (name) => {
    const built = build({ buildArgs: { [name]: 'maybe' } });
    await expect(built).rejects.toMatchObject({ code: 'BUILDER_BAD_SETTING' });
  });
});

test('metadata has names in full, and the platform of a manifest', async () => {
  const { metadata, images } = await build({
    outputs: [
      { kind: 'image', names: ['x', 'localhost:5000/y:2'], push: false },
      { kind: 'oci', destination: join(folder, 'archive'), tar: true, names: ['z'] },
    ],
  });
  const [os, architecture] = (images[0]?.platform ?? '').split('/');
  expect(metadata).toMatchObject({
    'image.name': 'docker.io/library/x:latest,localhost:5000/y:2,docker.io/library/z:latest',
    'containerimage.config.digest': images[0]?.imageId,
    'containerimage.digest': images[0]?.digest,
    'containerimage.descriptor': { digest: images[0]?.digest, platform: { os, architecture } },
  });
});

test('limits that nothing can run with are refused before anything is built', async () => {
  await expect(build({ limits: { memoryBytes: 1024 } })).rejects.toThrow(
    'Minimum memory limit allowed is 6MB',
  );
  await expect(build({ shmSizeBytes: -1 })).rejects.toThrow('SHM size can not be less than 0');
});

test('what is not in an SBOM is told', async () => {
  const text = `FROM scratch\nCOPY <<EOF /app/package-lock.json\n{"packages":{"node_modules/${'n'.repeat(600)}":{"version":"1"}}}\nEOF\n`;
  const { warnings } = await build({ attestations: { sbom: true } }, text);
  expect(warnings).toEqual([
    'not in the SBOM: /app/package-lock.json: names in it are longer than 512 characters',
  ]);
});
