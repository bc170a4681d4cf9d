/** Images whose identifiers are the same on every engine. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { writeTar, type TarSource } from '#tar';
import { mustRun } from '../support/process.ts';

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

const tarOf = async (files: Readonly<Record<string, string | Uint8Array>>, mode = 0o644): Promise<Buffer> => {
  const sources = Object.entries(files).map(([path, content]): TarSource => {
    const bytes = Buffer.from(content);
    return { path, kind: 'file', mode, size: bytes.length, content: bytes };
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(sources)) chunks.push(chunk);
  return Buffer.concat(chunks);
};

export interface Fixture {
  readonly id: string;
  /** `docker load` takes it. */
  readonly archive: Buffer;
  readonly layers: readonly Buffer[];
  readonly config: Buffer;
}

export interface Fixtures {
  readonly images: ReadonlyMap<string, Fixture>;
  /** Readable words for identifiers. */
  readonly words: ReadonlyMap<string, string>;
}

const LAYERS: Readonly<Record<string, readonly string[]>> = {
  base: ['one'],
  mid: ['one', 'two'],
  top: ['one', 'two', 'three'],
  twin: ['one'],
  other: ['nine'],
};

/** When each was made; two of them less than a microsecond apart. */
const CREATED: Readonly<Record<string, string>> = {
  base: '2024-01-02T03:04:05.000000100Z',
  twin: '2024-01-02T03:04:05.000000500Z',
  mid: '2024-01-03T03:04:05Z',
  top: '2024-01-03T03:04:06Z',
  other: '2024-01-01T00:00:00+02:00',
};

const LABELS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  mid: { stage: '' },
  top: { stage: '1=2' },
};

const configOf = (name: string, layers: readonly Buffer[]): Buffer =>
  Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      created: CREATED[name],
      config: { Cmd: ['/busybox', 'sleep', '1000'], Labels: { name, ...LABELS[name] } },
      rootfs: { type: 'layers', diff_ids: layers.map(digestOf) },
      history: layers.map((_, index) => ({ created: '2024-01-02T03:04:05Z', created_by: `step ${index}` })),
    }),
  );

const archiveOf = async (config: Buffer, layers: readonly Buffer[]): Promise<Buffer> => {
  const name = `${digestOf(config).slice(7)}.json`;
  const layerNames = layers.map((_, index) => `layer${index}.tar`);
  const manifest = JSON.stringify([{ Config: name, RepoTags: null, Layers: layerNames }]);
  const files = Object.fromEntries(layers.map((layer, index) => [layerNames[index] ?? '', layer]));
  return tarOf({ ...files, [name]: config, 'manifest.json': manifest });
};

const chainWords = (images: ReadonlyMap<string, Fixture>, words: Map<string, string>): void => {
  for (const [name, { layers }] of images) {
    let chain = '';
    for (const [index, layer] of layers.entries()) {
      const diffId = digestOf(layer);
      chain = chain === '' ? diffId : digestOf(Buffer.from(`${chain} ${diffId}`));
      words.set(chain, `layers(${(LAYERS[name] ?? []).slice(0, index + 1).join('+')})`);
    }
  }
};

/** The images `base` ⊂ `mid` ⊂ `top` by their layers, `twin` (the layers of `base`) and `other`; none names a parent. */
export const makeFixtures = async (): Promise<Fixtures> => {
  const busybox = (await mustRun('sh', ['-c', 'command -v busybox'])).stdout.trim();
  const layers: Readonly<Record<string, Buffer>> = {
    one: await tarOf({ busybox: readFileSync(busybox) }, 0o755),
    two: await tarOf({ two: '2' }),
    three: await tarOf({ three: '3' }),
    nine: await tarOf({ nine: '9' }),
  };
  const images = new Map<string, Fixture>();
  for (const [name, parts] of Object.entries(LAYERS)) {
    const own = parts.map((part) => layers[part] ?? Buffer.alloc(0));
    const config = configOf(name, own);
    images.set(name, { id: digestOf(config), archive: await archiveOf(config, own), layers: own, config });
  }
  const words = new Map<string, string>();
  chainWords(images, words);
  for (const [name, { id }] of images) words.set(id, name);
  return { images, words };
};

const put = async (url: string, body: Uint8Array, type: string): Promise<void> => {
  const answer = await fetch(url, {
    method: 'PUT',
    body: Buffer.from(body),
    headers: { 'content-type': type },
  });
  if (!answer.ok) throw new Error(`PUT ${url}: ${answer.status} ${await answer.text()}`);
};

const upload = async (registry: string, repository: string, bytes: Buffer): Promise<void> => {
  const begun = await fetch(`http://${registry}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
  const location = new URL(begun.headers.get('location') ?? '', `http://${registry}`);
  location.searchParams.set('digest', digestOf(bytes));
  await put(location.href, bytes, 'application/octet-stream');
};

const LAYER = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';

/** Puts an image under tags of a registry; its manifest has the same digest wherever it is put. */
export const publish = async (
  fixture: Fixture,
  registry: string,
  names: readonly string[],
): Promise<string> => {
  const describe = (bytes: Buffer, mediaType: string) => ({
    mediaType,
    size: bytes.length,
    digest: digestOf(bytes),
  });
  const layers = fixture.layers.map((layer) => gzipSync(layer, { level: 1 }));
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: describe(fixture.config, 'application/vnd.docker.container.image.v1+json'),
      layers: layers.map((layer) => describe(layer, LAYER)),
    }),
  );
  for (const name of names) {
    const [repository = '', tag = ''] = name.split(':');
    for (const blob of [fixture.config, ...layers]) await upload(registry, repository, blob);
    await put(`http://${registry}/v2/${repository}/manifests/${tag}`, manifest, MANIFEST);
  }
  return digestOf(manifest);
};

/** Writes the archives where a command line can read them. */
export const writeArchives = (fixtures: Fixtures, folder: string): void => {
  mkdirSync(folder, { recursive: true });
  for (const [name, { archive }] of fixtures.images) writeFileSync(join(folder, `${name}.tar`), archive);
};
