import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeTar, type TarSource } from '#tar';
import type { DeliveryRequest, DeliveryTools } from './delivery-types.ts';
import { writeArchive } from './write-archive.ts';

let path: string;

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'lade-layout-'));
});
afterEach(() => rmSync(path, { recursive: true }));

const NAME = 'org.opencontainers.image.ref.name';
const FULL_NAME = 'io.containerd.image.name';

const file = (name: string, text: string): TarSource => ({
  path: name,
  kind: 'file',
  size: text.length,
  content: Buffer.from(text),
});

/** A layout with one blob, as the library would write it. */
const layoutOf = (name: string): readonly TarSource[] => {
  const hex = createHash('sha256').update(name).digest('hex');
  const annotations = { [NAME]: name.split(':').at(-1), [FULL_NAME]: name };
  const manifests = [{ digest: `sha256:${hex}`, annotations }];
  return [
    file('oci-layout', '{"imageLayoutVersion":"1.0.0"}'),
    file('index.json', JSON.stringify({ schemaVersion: 2, manifests })),
    { path: `blobs`, kind: 'directory' },
    { path: `blobs/sha256`, kind: 'directory' },
    file(`blobs/sha256/${hex}`, name),
  ];
};

async function* slowly(sources: readonly TarSource[]): AsyncGenerator<TarSource> {
  for (const source of sources) {
    await new Promise((resolve) => setImmediate(resolve));
    yield source;
  }
}

const write = (name: string): Promise<void> => {
  const save = () => writeTar(slowly(layoutOf(name)));
  const tools = { library: { assemblies: { save } } } as unknown as DeliveryTools;
  const request = { names: [], signal: undefined } as unknown as DeliveryRequest;
  const output = { kind: 'oci', destination: path, tar: false } as const;
  return writeArchive(tools, request, { output, assembly: {} as never });
};

const index = (): { readonly annotations?: unknown; readonly manifests: readonly object[] } =>
  JSON.parse(readFileSync(join(path, 'index.json'), 'utf8'));

const namesIn = (): readonly unknown[] =>
  index()
    .manifests.map((entry) => ('annotations' in entry ? (entry.annotations as object) : {}))
    .map((names) => (FULL_NAME in names ? names[FULL_NAME] : NAME in names ? names[NAME] : undefined));

test('builds that write into one layout at once all stay in it, and so does what is not theirs', async () => {
  const foreign = { digest: `sha256:${'0'.repeat(64)}`, annotations: { [NAME]: 'theirs' } };
  const before = { schemaVersion: 2, annotations: { of: 'others' }, manifests: [foreign] };
  writeFileSync(join(path, 'index.json'), JSON.stringify(before));
  writeFileSync(join(path, 'README'), 'kept');
  const names = Array.from({ length: 12 }, (_, number) => `image:${number}`);
  await Promise.all(names.map(write));
  expect(new Set(namesIn())).toEqual(new Set([...names, 'theirs']));
  expect(index().annotations).toEqual({ of: 'others' });
  expect(new Set(readdirSync(path))).toEqual(new Set(['README', 'blobs', 'index.json', 'oci-layout']));
  expect(readdirSync(join(path, 'blobs/sha256'))).toHaveLength(names.length);
});

test('a name means the last image that was given it', async () => {
  await write('one:latest');
  await write('two:latest');
  await write('one:latest');
  expect(namesIn()).toEqual(['two:latest', 'one:latest']);
});

test('an index.json of something else is not replaced', async () => {
  writeFileSync(join(path, 'index.json'), '[1]');
  await expect(write('one')).rejects.toMatchObject({ code: 'OUTPUTS_FOREIGN_INDEX' });
  expect(readFileSync(join(path, 'index.json'), 'utf8')).toBe('[1]');
  expect(existsSync(join(path, 'index.json.lock'))).toBe(false);
});
