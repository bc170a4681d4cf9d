import { createHash, randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { asImageId, digestOf, parseDigest, parseDiffId, sha256Of, type DiffId, type Digest } from '#oci';
import {
  openImageStore,
  openRoot,
  storeErrors,
  type ImageStore,
  type LayerCollection,
  type NewImage,
  type Root,
} from './index.ts';

let path: string;
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'lade-store-'));
});
afterEach(() => rmSync(path, { recursive: true }));

interface Opened extends AsyncDisposable {
  readonly root: Root;
  readonly store: ImageStore;
}
const open = async (): Promise<Opened> => {
  const root = await openRoot(path);
  return {
    root,
    store: await openImageStore(root),
    [Symbol.asyncDispose]: () => root[Symbol.asyncDispose](),
  };
};
const files = (): readonly string[] =>
  ['blobs/sha256', 'blobs/sha512', 'ingest'].flatMap((directory) =>
    readdirSync(join(path, directory)).map((name) => `${directory}/${name}`),
  );
const image = (id: Digest, more: Partial<NewImage> = {}): NewImage => ({
  id: asImageId(id),
  platform: { os: 'linux', architecture: 'amd64' },
  layers: [],
  ...more,
});
const diffId = (digit: string): DiffId => parseDiffId(`sha256:${digit.repeat(64)}`);

describe('the root', () => {
  test('is held by one process, and by one opener within it', async () => {
    await using opened = await open();
    await expect(openRoot(path)).rejects.toMatchObject({
      kind: 'failed-precondition',
      code: storeErrors.rootInUse.code,
      message: expect.stringContaining(`process ${process.pid}`) as string,
    });
    await opened[Symbol.asyncDispose]();
    await using again = await openRoot(path);
    expect(again.path).toBe(path);
  });

  test('of a newer layout is refused and left as it is', async () => {
    writeFileSync(join(path, 'version'), '7\n');
    await expect(openRoot(path)).rejects.toMatchObject({ code: storeErrors.layoutNewer.code });
    expect(existsSync(join(path, 'lade.db'))).toBe(false);
    writeFileSync(join(path, 'version'), 'what?');
    await expect(openRoot(path)).rejects.toMatchObject({ kind: 'corrupt' });
    writeFileSync(join(path, 'version'), '1\n');
    await using root = await openRoot(path);
    expect(root.database.get('SELECT 1 AS one')).toEqual({ one: 1 });
  });

  test.each(['lade.db-wal', 'lade.db'])('without %s is refused, and its content stays', async (lost) => {
    {
      await using opened = await open();
      const lease = await opened.store.leases.create({ label: 'test' });
      await opened.store.blobs.put(Buffer.from('content'), { lease });
      const copy = `${path}/copy`;
      mkdirSync(copy);
      // As a killed process leaves it: the records are in the log alone.
      for (const name of ['version', 'lade.db', 'lade.db-wal', 'blobs'])
        cpSync(join(path, name), join(copy, name), { recursive: true });
    }
    const copy = join(path, 'copy');
    rmSync(join(copy, lost));
    if (lost === 'lade.db') rmSync(join(copy, 'lade.db-wal'));
    await expect(openRoot(copy)).rejects.toMatchObject({ code: storeErrors.databaseGone.code });
    expect(readdirSync(join(copy, 'blobs', 'sha256'))).toHaveLength(1);
  });
});

describe('blobs', () => {
  test('by put: idempotent, verified when read', async () => {
    await using opened = await open();
    const { blobs, leases } = opened.store;
    await using lease = await leases.create({ label: 'test' });
    const bytes = Buffer.from('content');
    const [first, second] = await Promise.all([blobs.put(bytes, { lease }), blobs.put(bytes, { lease })]);
    expect(first).toEqual({ digest: sha256Of(bytes), size: 7 });
    expect(second).toEqual(first);
    expect(await blobs.read(first.digest)).toEqual(bytes);
    expect(blobs.readNow(first.digest)).toEqual(bytes);
    expect((await buffer(blobs.stream(first.digest, { start: 2, end: 4 }))).toString()).toBe('nt');
    await expect(blobs.read(first.digest, { maxBytes: 6 })).rejects.toMatchObject({
      kind: 'failed-precondition',
    });
    await expect(blobs.read(sha256Of('none'))).rejects.toMatchObject({ kind: 'not-found' });
    expect(files()).toEqual([`blobs/sha256/${first.digest.slice(7)}`]);
    writeFileSync(blobs.path(first.digest), 'CONTENT');
    await expect(blobs.read(first.digest)).rejects.toMatchObject({ kind: 'corrupt' });
  });

  test('by ingest: in pieces, of sha256 and sha512, also when it is there already', async () => {
    await using opened = await open();
    const { blobs, leases } = opened.store;
    await using lease = await leases.create({ label: 'test' });
    const bytes = randomBytes(300_000);
    const sha512 = digestOf('sha512', createHash('sha512').update(bytes).digest('hex'));
    for (const digest of [sha256Of(bytes), sha512, sha256Of(bytes)]) {
      await using ingest = await blobs.ingest({ ref: 'x', lease, expected: { digest, size: bytes.length } });
      await ingest.write(bytes.subarray(0, 100_000));
      await ingest.write(bytes.subarray(100_000));
      if (blobs.list().length < 2) expect(blobs.stat(digest)).toBeUndefined();
      expect(await ingest.commit()).toEqual({ digest, size: bytes.length });
      expect(await blobs.read(digest)).toEqual(bytes);
    }
    expect(blobs.list()).toHaveLength(2);
    await using late = await blobs.ingest({ ref: 'y', lease });
    await late.write(bytes);
    expect(await late.commit({ digest: sha512 })).toMatchObject({ digest: sha512 });
    expect(files()).toHaveLength(2);
  });

  test('a lie about digest or size leaves nothing', async () => {
    await using opened = await open();
    const { blobs, leases } = opened.store;
    await using lease = await leases.create({ label: 'test' });
    const bytes = Buffer.from('truth');
    const lies = [
      { digest: sha256Of('lie') },
      { size: 6 },
      { digest: parseDigest(`sha512:${'0'.repeat(128)}`), size: 5 },
    ];
    for (const expected of lies) {
      await using ingest = await blobs.ingest({ ref: 'x', lease, expected });
      await ingest.write(bytes);
      await expect(ingest.commit()).rejects.toMatchObject({ kind: 'corrupt' });
      expect(files()).toEqual([]);
    }
    await using bounded = await blobs.ingest({ ref: 'x', lease, expected: { size: 4 } });
    await expect(bounded.write(bytes)).rejects.toMatchObject({ kind: 'corrupt' });
    await bounded.abort();
    expect(files()).toEqual([]);
    expect(blobs.list()).toEqual([]);
  });

  test('an ingest resumes within a process and after it, as long as a lease holds it', async () => {
    const bytes = randomBytes(100_000);
    const expected = { digest: sha256Of(bytes), size: bytes.length };
    {
      await using opened = await open();
      const lease = await opened.store.leases.create({ label: 'resumable', ttlMs: 60_000 });
      await using other = await opened.store.leases.create({ label: 'short' });
      await using ingest = await opened.store.blobs.ingest({ ref: 'long', lease, expected });
      await ingest.write(bytes.subarray(0, 40_000));
      await expect(opened.store.blobs.ingest({ ref: 'long', lease })).rejects.toMatchObject({
        kind: 'conflict',
      });
      await using gone = await opened.store.blobs.ingest({ ref: 'short', lease: other });
      await gone.write(bytes.subarray(0, 10));
      lease.detach();
      await lease[Symbol.asyncDispose]();
    }
    {
      await using opened = await open();
      expect(files()).toHaveLength(1);
      await opened.store.collect();
      await using lease = await opened.store.leases.create({ label: 'again' });
      await using ingest = await opened.store.blobs.ingest({ ref: 'long', lease, expected });
      expect(ingest.offset).toBe(40_000);
      await ingest.write(bytes.subarray(40_000));
      expect(await ingest.commit()).toEqual(expected);
      expect(await opened.store.blobs.read(expected.digest)).toEqual(bytes);
    }
  });

  test('what nobody will resume is given up by its label', async () => {
    await using opened = await open();
    const { leases, blobs } = opened.store;
    const lease = await leases.create({ label: 'download it', ttlMs: 60_000 });
    {
      await using ingest = await blobs.ingest({ ref: 'it', lease });
      await ingest.write(Buffer.from('a part'));
    }
    expect(await leases.giveUp('download it')).toBe(false);
    lease.detach();
    await lease[Symbol.asyncDispose]();
    await opened.store.collect();
    expect(files()).toHaveLength(1);
    expect(await leases.giveUp('download it')).toBe(true);
    await opened.store.collect();
    expect(files()).toEqual([]);
  });

  test('what a broken disk or hand did is seen at the next open', async () => {
    const stray = join(path, 'blobs/sha256', 'f'.repeat(64));
    let lost: Digest;
    {
      await using opened = await open();
      await using lease = await opened.store.leases.create({ label: 'test' });
      lost = (await opened.store.blobs.put(Buffer.from('lost'), { lease })).digest;
      await opened.store.images.put(image(lost));
      writeFileSync(stray, 'stray');
      rmSync(opened.store.blobs.path(lost));
    }
    await using opened = await open();
    expect(existsSync(stray)).toBe(false);
    expect(opened.store.blobs.stat(lost)).toBeUndefined();
    expect(opened.store.images.get(asImageId(lost))).toBeDefined();
  });
});

describe('collection', () => {
  test('takes only what no record, hold or lease names', async () => {
    await using opened = await open();
    const { blobs, leases, images, holds, collect } = opened.store;
    const work = await leases.create({ label: 'work' });
    const put = async (text: string): Promise<Digest> =>
      (await blobs.put(Buffer.from(text), { lease: work })).digest;
    const [config, layer, manifest, held, leased, garbage] = await Promise.all(
      ['config', 'layer', 'manifest', 'held', 'leased', 'garbage'].map(put),
    );
    const mediaType = 'application/x';
    await images.put(image(config!, { blobs: [layer!], manifests: [{ digest: manifest!, mediaType }] }));
    await images.linkLayerBlob(diffId('1'), { digest: garbage!, size: 7, mediaType });
    await holds.holdContent([{ kind: 'blob', key: held! }], { kind: 'build-cache', id: 'a' });
    expect((await collect()).blobs).toEqual([]);
    await using lease = await leases.create({ label: 'other' });
    await lease.protect('blob', leased!);
    await work[Symbol.asyncDispose]();
    expect((await collect()).blobs.map((blob) => blob.digest)).toEqual([garbage]);
    expect(images.layerBlobs(diffId('1'))).toEqual([]);
    expect(existsSync(blobs.path(garbage!))).toBe(false);
    await holds.release({ kind: 'build-cache', id: 'a' });
    await lease[Symbol.asyncDispose]();
    await images.remove(asImageId(config!));
    expect((await collect()).blobs).toHaveLength(5);
    expect(files()).toEqual([]);
    await expect(lease.protect('blob', config!)).rejects.toMatchObject({ code: storeErrors.leaseEnded.code });
  });

  test('of layers: in use, referenced, leased and held ones stay; nothing goes while work makes layers', async () => {
    await using opened = await open();
    const { leases, images, holds, blobs, collect } = opened.store;
    const present = new Set(['1', '2', '3', '4', '5', '6'].map(diffId));
    const layers: LayerCollection = {
      list: () => [...present],
      inUse: () => new Set([diffId('4')]),
      remove: async (id) => void present.delete(id),
    };
    const lease = await leases.create({ label: 'work', everything: true });
    const { digest } = await blobs.put(Buffer.from('{}'), { lease });
    await images.put(image(digest, { layers: [{ diffId: diffId('1'), size: 10 }] }));
    await lease.protect('layer', diffId('2'));
    await holds.holdContent([{ kind: 'layer', key: diffId('3') }], { kind: 'build-cache', id: 'a' });
    expect((await collect({ layers })).layers).toEqual([]);
    await lease[Symbol.asyncDispose]();
    await using second = await leases.create({ label: 'second' });
    await second.protect('layer', diffId('2'));
    expect((await collect({ layers })).layers).toEqual([diffId('5'), diffId('6')]);
    expect(present.size).toBe(4);
  });

  test('a lease that is taken while its content is being deleted waits, and then finds it gone', async () => {
    await using opened = await open();
    const { leases, collect } = opened.store;
    const present = new Set([diffId('1')]);
    const removing = Promise.withResolvers<void>();
    const layers: LayerCollection = {
      list: () => [...present],
      inUse: () => new Set(),
      async remove(id) {
        removing.resolve();
        await setTimeout(30);
        present.delete(id);
      },
    };
    const collected = collect({ layers });
    await removing.promise;
    await using lease = await leases.create({ label: 'late' });
    await lease.protect('layer', diffId('1'));
    expect(present.has(diffId('1'))).toBe(false);
    await collected;
  });

  test('beside those who store the same content again and again, loses nothing that was recorded', async () => {
    await using opened = await open();
    const { blobs, leases, images, collect } = opened.store;
    const stop = new AbortController();
    const collecting = (async () => {
      while (!stop.signal.aborted) await collect();
    })();
    const work = Array.from({ length: 8 }, async (_, worker) => {
      for (let turn = 0; turn < 12; turn += 1) {
        await using lease = await leases.create({ label: 'work' });
        const { digest } = await blobs.put(Buffer.from(`same ${turn % 3}`), { lease });
        expect(existsSync(blobs.path(digest))).toBe(true);
        // Another worker may remove it before it is read back.
        const put = images.put(image(digest, { tags: [`docker.io/library/w:${worker}`] }));
        await put.catch((error: unknown) => expect(error).toMatchObject({ kind: 'not-found' }));
        if (turn % 2 === 0) await images.remove(asImageId(digest)).catch(() => undefined);
      }
    });
    await Promise.all(work);
    stop.abort();
    await collecting;
    await collect();
    for (const record of images.list()) expect(await blobs.read(record.id)).toBeDefined();
    expect(files()).toHaveLength(images.list().length);
  });
});

describe('image records', () => {
  test('tags move, digests stay, prefixes find, parents are known', async () => {
    await using opened = await open();
    const { blobs, leases, images } = opened.store;
    await using lease = await leases.create({ label: 'test' });
    const [a, b] = await Promise.all(
      ['a', 'b'].map(async (text) => (await blobs.put(Buffer.from(text), { lease })).digest),
    );
    const first = await images.put(
      image(a!, {
        created: '2026-01-01T00:00:00Z',
        labels: { x: 'y' },
        layers: [
          { diffId: diffId('1'), size: 5 },
          { diffId: diffId('1'), size: 5 },
          { diffId: diffId('2'), size: 7 },
        ],
        tags: ['docker.io/library/x:1'],
        repoDigests: [`docker.io/library/x@${a}`],
      }),
    );
    expect(first).toMatchObject({ size: 17, layerSizes: [5, 5, 7], labels: { x: 'y' }, parent: undefined });
    expect(first.diffIds).toEqual([diffId('1'), diffId('1'), diffId('2')]);
    const second = await images.put(image(b!, { parent: first.id, created: '2026-01-02T00:00:00Z' }));
    expect(images.list().map((record) => record.id)).toEqual([second.id, first.id]);
    expect(images.children(first.id)).toEqual([second.id]);
    expect(await images.tag('docker.io/library/x:1', second.id)).toBe(first.id);
    expect(images.byReference('docker.io/library/x:1')?.id).toBe(second.id);
    expect(images.byReference(`docker.io/library/x@${a}`)?.id).toBe(first.id);
    expect(images.findByIdPrefix(a!.slice(7, 19))).toEqual([first.id]);
    expect(images.findByIdPrefix('')).toHaveLength(2);
    expect(await images.untag('docker.io/library/x:1')).toBe(true);
    expect(await images.untag('docker.io/library/x:1')).toBe(false);
    await images.remove(first.id);
    expect(images.references()).toEqual([]);
    expect(images.get(second.id)?.parent).toBeUndefined();
    await expect(images.tag('docker.io/library/x:1', first.id)).rejects.toMatchObject({ kind: 'not-found' });
    await expect(images.remove(first.id)).rejects.toMatchObject({ kind: 'not-found' });
  });

  test('need their content, and stay while they are held', async () => {
    await using opened = await open();
    const { blobs, leases, images, holds } = opened.store;
    await expect(images.put(image(sha256Of('x')))).rejects.toMatchObject({
      code: storeErrors.contentMissing.code,
    });
    await using lease = await leases.create({ label: 'test' });
    const { digest } = await blobs.put(Buffer.from('x'), { lease });
    const { id } = await images.put(image(digest));
    await holds.hold(id, { kind: 'container', id: 'c1', label: 'web' });
    expect(holds.holdersOf(id)).toEqual([{ kind: 'container', id: 'c1', label: 'web' }]);
    expect(holds.heldBy('container')).toHaveLength(1);
    await expect(images.remove(id)).rejects.toMatchObject({
      message: expect.stringContaining('container web') as string,
    });
    await holds.release({ kind: 'container', id: 'c1' });
    await images.remove(id);
    await expect(holds.hold(id, { kind: 'container', id: 'c1' })).rejects.toMatchObject({
      kind: 'not-found',
    });
  });
});

describe('kill -9', () => {
  const churn = fileURLToPath(new URL('testing/churn.main.ts', import.meta.url));

  /** Runs until `lines` were told, then a little longer; what was told by then. */
  const runAndKill = async (lines: number, delayMs: number): Promise<readonly string[]> => {
    const child = spawn(process.execPath, [churn, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let told = '';
    const enough = Promise.withResolvers<void>();
    child.stdout.on('data', (chunk: Buffer) => {
      told += chunk.toString();
      if (told.split('\n').length > lines) enough.resolve();
    });
    await Promise.race([enough.promise, once(child, 'exit')]);
    await setTimeout(delayMs);
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    await ended;
    return told.split('\n').slice(0, -1);
  };

  test('at many moments leaves every recorded image whole and nothing else', async () => {
    const alive = new Set<string>();
    for (const [lines, delay] of [
      [1, 1],
      [4, 3],
      [9, 0],
      [12, 7],
      [20, 2],
      [17, 11],
    ] as const) {
      const told = await runAndKill(lines, delay);
      expect(told[0]).toBe('ready');
      for (const line of told.slice(1)) {
        if (line.startsWith('+')) alive.add(line.slice(1));
        else alive.delete(line.slice(1));
      }
      await using opened = await open();
      const { images, blobs } = opened.store;
      for (const id of alive) expect(images.get(asImageId(parseDigest(id)))).toBeDefined();
      for (const { digest, size } of blobs.list()) {
        const bytes = readFileSync(blobs.path(digest));
        expect(bytes.length).toBe(size);
        expect(sha256Of(bytes)).toBe(digest);
      }
      await opened.root.database.write([{ sql: 'DELETE FROM leases' }]);
      await opened.store.collect();
      expect(files().filter((file) => file.startsWith('ingest'))).toEqual([]);
      expect(files()).toHaveLength(images.list().length * 2);
    }
  });

  test('a partial file with a damaged tail is found out', async () => {
    const bytes = randomBytes(50_000);
    const expected = { digest: sha256Of(bytes), size: bytes.length };
    await using opened = await open();
    await using lease = await opened.store.leases.create({ label: 'test', ttlMs: 1000 });
    const file = await (async () => {
      await using ingest = await opened.store.blobs.ingest({ ref: 'x', lease, expected });
      await ingest.write(bytes.subarray(0, 30_000));
      return ingest.path;
    })();
    truncateSync(file, 20_000);
    truncateSync(file, 30_000);
    expect(statSync(file).size).toBe(30_000);
    await using ingest = await opened.store.blobs.ingest({ ref: 'x', lease, expected });
    await ingest.write(bytes.subarray(30_000));
    await expect(ingest.commit()).rejects.toMatchObject({ kind: 'corrupt' });
    await using again = await opened.store.blobs.ingest({ ref: 'x', lease, expected });
    expect(again.offset).toBe(0);
  });
});
