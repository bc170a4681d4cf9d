import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHttpServer } from '#http';
import { createRegistry, openRegistryStorage } from '#registry';
import { parseCacheDocument } from '../cache/document.ts';
import { openTestShop, type TestShop } from './testing.ts';
import type { BuildEvent, BuildRequest, CacheSpec } from './types.ts';

let folder: string;
let registry: { readonly host: string } & AsyncDisposable;

const startRegistry = async (root: string): Promise<typeof registry> => {
  await using stack = new AsyncDisposableStack();
  const storage = stack.use(await openRegistryStorage(root));
  const server = await startHttpServer({
    ...createRegistry({ storage }),
    listen: [{ kind: 'tcp', host: '127.0.0.1', port: 0 }],
  });
  stack.defer(() => server.close(0));
  const kept = stack.move();
  const { host } = new URL(server.addresses[0]?.url ?? '');
  return { host, [Symbol.asyncDispose]: () => kept.disposeAsync() };
};

const shops: TestShop[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lade-exchange-'));
  registry = await startRegistry(join(folder, 'registry'));
});
afterAll(async () => {
  for (const shop of shops) await shop[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** A machine that has never built anything. */
const machine = async (): Promise<TestShop> => {
  const shop = await openTestShop();
  shops.push(shop);
  return shop;
};

const DOCKERFILE = `FROM busybox AS tool
RUN echo made; echo tool > /tool
RUN cat /proc/sys/kernel/random/uuid > /when
FROM busybox
COPY a /a
RUN cat /proc/sys/kernel/random/uuid > /when
COPY --from=tool /tool /tool
WORKDIR /w
`;

const project = async (name: string, text = DOCKERFILE): Promise<string> => {
  const path = join(folder, name);
  await mkdir(path);
  await writeFile(join(path, 'Dockerfile'), text);
  await writeFile(join(path, 'a'), name);
  return path;
};

const build = async (shop: TestShop, path: string, request: Partial<BuildRequest> = {}) => {
  const events: BuildEvent[] = [];
  const result = await shop.builder.build(
    { context: { kind: 'directory', path }, ...request },
    (event) => void events.push(event),
  );
  const executed = events.flatMap((event) =>
    event.kind === 'step-started' && event.step.kind === 'filesystem' ? [event.step.name] : [],
  );
  const warnings = events.flatMap((event) => (event.kind === 'warning' ? [event.message] : []));
  const fetched = events.filter((event) => event.kind === 'pull' && event.status === 'Pull complete');
  const sent = events.filter((event) => event.kind === 'status' && event.message.startsWith('sending'));
  return { ...result, executed, warnings, fetched: fetched.length, sent: sent.length };
};

const places = (name: string): Readonly<Record<string, (mode: 'min' | 'max') => CacheSpec>> => ({
  registry: (mode) => ({ kind: 'registry', reference: `${registry.host}/caches/${name}:main`, mode }),
  local: (mode) => ({ kind: 'local', path: join(folder, `cache-${name}`), mode }),
});

describe.each(['registry', 'local'])('a cache of type=%s', (kind) => {
  test.each(['min', 'max'] as const)(
    'gives another machine every step and the same image (mode=%s)',
    async (mode) => {
      const name = `${kind}-${mode}`;
      const path = await project(name);
      const spec = places(name)[kind]?.(mode);
      if (spec === undefined) throw new Error('no such place');
      const [a, b] = [await machine(), await machine()];
      const first = await build(a, path, { cacheTo: [spec] });
      expect(first.executed.length).toBe(6);
      const second = await build(b, path, { cacheFrom: [spec] });
      expect(second).toMatchObject({ executed: [], warnings: [], imageId: first.imageId });
      // What is only needed to make what is cached does not travel.
      const config = b.library.config(second.imageId);
      const own = config.rootfs.diffIds.length - 1;
      expect(b.layers.list()).toHaveLength(1 + own);
      // From here on it is in the machine's own cache.
      const third = await build(b, path);
      expect(third.imageId).toBe(first.imageId);
      expect(third.executed.filter((step) => step.startsWith('COPY'))).toEqual([]);
    },
    60_000,
  );

  test('only what is new is sent, and only what is used is fetched', async () => {
    const path = await project(`${kind}-less`);
    const spec = places(`${kind}-less`)[kind]?.('max');
    if (spec === undefined) throw new Error('no such place');
    const [a, b] = [await machine(), await machine()];
    const first = await build(a, path, { cacheTo: [spec] });
    expect(first.sent).toBeGreaterThanOrEqual(4);
    expect((await build(a, path, { cacheTo: [spec] })).sent).toBe(0);
    writeFileSync(join(path, 'a'), 'changed');
    const second = await build(b, path, { cacheFrom: [spec], cacheTo: [spec] });
    expect(second.executed.map((step) => step.split(' ').slice(0, 2).join(' '))).toEqual([
      'COPY a',
      'RUN cat',
      'COPY --from=tool',
      'WORKDIR /w',
    ]);
    expect(second.sent).toBeGreaterThanOrEqual(2);
  }, 60_000);
});

test('type=inline travels in the image, and an image without one is no error', async () => {
  const path = await project('inline');
  const [a, b] = [await machine(), await machine()];
  const name = `${registry.host}/app/inline:1`;
  const first = await build(a, path, { cacheTo: [{ kind: 'inline' }], tags: [name] });
  await a.library.push({ reference: name });
  const from: BuildRequest['cacheFrom'] = [{ kind: 'registry', reference: name, mode: 'min' }];
  const second = await build(b, path, { cacheFrom: from, cacheTo: [{ kind: 'inline' }] });
  expect(second).toMatchObject({ executed: [], warnings: [], imageId: first.imageId });
  expect(b.library.config(second.imageId).buildCache).toBeDefined();
  const child = await project('inline-child', `FROM ${name}\nLABEL a=b\n`);
  expect(a.library.config((await build(a, child)).imageId).buildCache).toBeUndefined();
  await a.library.tag('busybox', `${registry.host}/app/plain:1`);
  await a.library.push({ reference: `${registry.host}/app/plain:1` });
  const plain = await build(b, path, {
    cacheFrom: [{ kind: 'registry', reference: `${registry.host}/app/plain:1`, mode: 'min' }],
  });
  expect(plain.warnings).toEqual([]);
}, 60_000);

describe('a cache that lies', () => {
  const tampered = async (name: string, change: (blobs: string, files: readonly string[]) => void) => {
    const path = await project(name);
    const spec: CacheSpec = { kind: 'local', path: join(folder, `lies-${name}`), mode: 'max' };
    const [a, b] = [await machine(), await machine()];
    await build(a, path, { cacheTo: [spec] });
    const blobs = join(folder, `lies-${name}`, 'blobs', 'sha256');
    change(blobs, readdirSync(blobs));
    return await build(b, path, { cacheFrom: [spec] });
  };
  const isGzip = (file: string): boolean =>
    readFileSync(file)
      .subarray(0, 2)
      .equals(Buffer.from([0x1f, 0x8b]));

  test('about the content of layers is found out, and the steps are carried out', async () => {
    const built = await tampered('content', (blobs, files) => {
      for (const name of files) {
        const file = join(blobs, name);
        if (isGzip(file)) writeFileSync(file, execFileSync('gzip', { input: Buffer.alloc(5000, name) }));
      }
    });
    expect(built.executed.length).toBeGreaterThan(0);
  }, 60_000);

  test('lacks layers: the steps are carried out', async () => {
    const built = await tampered('missing', (blobs, files) => {
      for (const name of files) if (isGzip(join(blobs, name))) rmSync(join(blobs, name));
    });
    expect(built.executed.length).toBeGreaterThan(0);
  }, 60_000);

  test('about its own documents is not used, and the build says so', async () => {
    const built = await tampered('documents', (blobs, files) => {
      for (const name of files)
        if (!isGzip(join(blobs, name))) writeFileSync(join(blobs, name), '{"version":1,"results":[{}]}');
    });
    expect(built.warnings).toEqual([expect.stringContaining('cannot be used')]);
    expect(built.executed.length).toBe(6);
  }, 60_000);

  test.each(['index.json', 'manifest'])(
    'has a broken %s: the build says so in words',
    async (what) => {
      const built = await tampered(`broken-${what}`, (blobs, files) => {
        const isManifest = (name: string): boolean =>
          readFileSync(join(blobs, name)).includes('"schemaVersion"');
        const broken = what === 'manifest' ? files.filter(isManifest) : [];
        const text = '{"manifests": oops';
        // Its digest is right: only what it says makes no sense.
        for (const name of broken) {
          const index = readFileSync(join(blobs, '../../index.json'), 'utf8');
          const digest = createHash('sha256').update(text).digest('hex');
          writeFileSync(join(blobs, digest), text);
          writeFileSync(join(blobs, '../../index.json'), index.replace(name, digest));
        }
        if (what === 'index.json') writeFileSync(join(blobs, '../../index.json'), text);
      });
      const [warning, ...others] = built.warnings;
      expect(others).toEqual([]);
      expect(warning).toMatch(
        /^the cache \S+ cannot be used, the build goes on without it: it is no usable build cache: its (index\.json is not JSON|manifest cannot be understood) \(write it again/u,
      );
      expect(built.executed.length).toBe(6);
    },
    60_000,
  );

  test.each([
    ['no JSON', 'x'],
    ['another version', '{"version":2}'],
    [
      'a key that is none',
      '{"version":1,"diffIds":[],"layers":[],"results":[{"key":"../x","aliases":[],"layers":[]}]}',
    ],
    [
      'a layer out of range',
      `{"version":1,"diffIds":[],"layers":[],"results":[{"key":"${'a'.repeat(64)}","aliases":[],"layers":[7]}]}`,
    ],
    [
      'a negative size',
      `{"version":1,"diffIds":[],"layers":[{"diffId":"sha256:${'a'.repeat(64)}","mediaType":"x","digest":"sha256:${'a'.repeat(64)}","size":-1}],"results":[]}`,
    ],
  ])('%s is refused', (_what, text) => {
    expect(() => parseCacheDocument(Buffer.from(text))).toThrow(/no usable build cache/);
  });

  test('a cache that is not there is a warning', async () => {
    const path = await project('absent');
    const shop = await machine();
    const built = await build(shop, path, {
      cacheFrom: [
        { kind: 'local', path: join(folder, 'nowhere'), mode: 'min' },
        { kind: 'registry', reference: `${registry.host}/caches/nothing`, mode: 'min' },
      ],
    });
    expect(built.warnings).toHaveLength(2);
    const unwritable: CacheSpec = { kind: 'registry', reference: 'localhost:1/x/y', mode: 'min' };
    await expect(build(shop, path, { cacheTo: [unwritable] })).rejects.toThrow(
      /cannot write the build cache/,
    );
  }, 60_000);
});
