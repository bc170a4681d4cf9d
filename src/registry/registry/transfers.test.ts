import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { createRegistryClient, type RemoteRepository } from '#distribution';
import { MEDIA_TYPES, sha256Of, type Digest } from '#oci';
import {
  backUp,
  checkBackup,
  importFolder,
  mirror,
  type MirrorRequest,
  type TransferEvent,
  type TransferTotals,
} from '#upstreams';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { restoreRegistry } from './restore.ts';
import { openRegistryStorage } from './storage.ts';
import { startWireRegistry, type WireRegistry } from './testing.ts';

const cause = { actor: 'test' };
const { signal } = new AbortController();
const quiet = { emit: () => undefined, signal };
const IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';

let folder: string;
let stack: AsyncDisposableStack;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  folder = await mkdtemp(join(tmpdir(), 'lade-transfers-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
});
afterEach(() => stack.disposeAsync());

const remote = (host: string, path: string): RemoteRepository => {
  const client = stack.use(createRegistryClient());
  return client.repository({ domain: host, path });
};

const pushBlob = async (to: RemoteRepository, bytes: Buffer) => {
  const digest = sha256Of(bytes);
  await to.pushBlob({ digest, size: bytes.length }, (start) => Readable.from([bytes.subarray(start)]));
  return { digest, size: bytes.length };
};

interface ImageWish {
  readonly tag?: string;
  readonly layers: readonly Buffer[];
  readonly subject?: Digest;
}

const pushImage = async (to: RemoteRepository, { tag, layers, subject }: ImageWish) => {
  const config = Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', at: layers.length, tag }));
  const document = {
    schemaVersion: 2,
    mediaType: IMAGE,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...(await pushBlob(to, config)) },
    layers: await Promise.all(
      layers.map(async (layer) => ({
        mediaType: 'application/vnd.oci.image.layer.v1.tar',
        ...(await pushBlob(to, layer)),
      })),
    ),
    ...(subject === undefined ? {} : { subject: { mediaType: IMAGE, digest: subject, size: 2 } }),
  };
  const bytes = Buffer.from(JSON.stringify(document, undefined, 3));
  const digest = sha256Of(bytes);
  await to.pushManifest(tag ?? digest, { bytes, mediaType: IMAGE });
  return { mediaType: IMAGE, digest, size: bytes.length };
};

const pushIndex = async (to: RemoteRepository, tag: string, manifests: readonly object[]) => {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }));
  await to.pushManifest(tag, { bytes, mediaType: INDEX });
  return { mediaType: INDEX, digest: sha256Of(bytes), size: bytes.length };
};

/** Everything in two repositories, by names and digests. */
interface Content {
  readonly repositories: readonly string[];
  readonly manifests: readonly (readonly [repository: string, reference: string])[];
  readonly blobs: readonly (readonly [repository: string, digest: string])[];
}

/** Two repositories that share a layer, with an index, a moved tag, a signature and an untagged manifest. */
const fill = async (host: string): Promise<Content> => {
  const shared = randomBytes(300_000);
  const [app, deep] = [remote(host, 'team/app'), remote(host, 'a/b-c/d_e/f')];
  const old = await pushImage(app, { tag: 'v1', layers: [shared, randomBytes(1000)] });
  const image = await pushImage(app, { tag: 'v1', layers: [shared, randomBytes(2000)] });
  const arm = await pushImage(app, { layers: [shared, randomBytes(3000)] });
  const index = await pushIndex(app, 'latest', [image, arm]);
  const outer = await pushIndex(app, 'nested', [index]);
  const signature = await pushImage(app, { layers: [Buffer.from('sig')], subject: image.digest });
  const other = await pushImage(deep, { tag: 'V.2_x-y', layers: [shared, Buffer.alloc(0)] });
  const all = [old, image, arm, index, outer, signature].map(({ digest }) => digest);
  return {
    repositories: ['a/b-c/d_e/f', 'team/app'],
    manifests: [
      ...[...all, 'v1', 'latest', 'nested'].map((reference) => ['team/app', reference] as const),
      ['a/b-c/d_e/f', other.digest],
      ['a/b-c/d_e/f', 'V.2_x-y'],
    ],
    blobs: [
      ['team/app', sha256Of(shared)],
      ['a/b-c/d_e/f', sha256Of(shared)],
      ['team/app', sha256Of(Buffer.from('sig'))],
    ],
  };
};

const get = async (url: string) => {
  const response = await fetch(url, { headers: { accept: `${IMAGE}, ${INDEX}` } });
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    digest: response.headers.get('docker-content-digest'),
    body: Buffer.from(await response.arrayBuffer()),
  };
};

/** Compares what two registries serve, byte by byte. */
const expectSame = async (from: string, to: string, content: Content, prefix = ''): Promise<void> => {
  for (const [name, reference] of content.manifests) {
    const wanted = await get(`${from}/v2/${name}/manifests/${reference}`);
    expect(wanted.status).toBe(200);
    expect(await get(`${to}/v2/${prefix}${name}/manifests/${reference}`)).toEqual(wanted);
  }
  for (const [name, digest] of content.blobs) {
    const wanted = await get(`${from}/v2/${name}/blobs/${digest}`);
    expect((await get(`${to}/v2/${prefix}${name}/blobs/${digest}`)).body).toEqual(wanted.body);
  }
  for (const name of content.repositories) {
    const [wanted, found] = await Promise.all(
      [`${from}/v2/${name}`, `${to}/v2/${prefix}${name}`].map(
        async (url) =>
          (JSON.parse((await get(`${url}/tags/list`)).body.toString()) as { tags: string[] }).tags,
      ),
    );
    expect(found?.toSorted()).toEqual(wanted?.toSorted());
  }
};

const hasDocker = existsSync('/usr/bin/docker-registry');

const startDocker = async (root: string): Promise<string> => {
  const config = {
    version: 0.1,
    storage: { filesystem: { rootdirectory: root } },
    http: { addr: '127.0.0.1:0' },
  };
  await writeFile(join(folder, 'config.yml'), JSON.stringify(config));
  const child: ChildProcess = spawn('/usr/bin/docker-registry', ['serve', join(folder, 'config.yml')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  stack.defer(async () => {
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  });
  if (child.stderr === null) throw new Error('no output');
  for await (const line of createInterface({ input: child.stderr })) {
    const address = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1];
    if (address === undefined) continue;
    child.stderr.resume();
    return address;
  }
  throw new Error('docker-registry did not start');
};

const startLade = async (): Promise<WireRegistry> => stack.use(await startWireRegistry());

const mirrorInto = async (
  to: WireRegistry,
  request: MirrorRequest,
): Promise<{ totals: TransferTotals; events: readonly TransferEvent[] }> => {
  const events: TransferEvent[] = [];
  const totals = await mirror(
    to.storage,
    { allow: ['127.0.0.0/8'], ...request },
    { cause, signal, emit: (event) => void events.push(event) },
  );
  return { totals, events };
};

describe.skipIf(!hasDocker)(hasDocker ? 'docker-registry' : 'docker-registry (needs it installed)', () => {
  test('its storage is taken over, byte for byte as it serves it itself, and once only', async () => {
    const docker = await startDocker(join(folder, 'docker'));
    const content = await fill(docker);
    const lade = await startLade();
    const request = { path: join(folder, 'docker') };
    const options = { cause, signal, emit: () => undefined };
    const totals = await importFolder(lade.storage, request, options);
    expect(totals).toMatchObject({ repositories: 2, tags: 5, manifests: 8, failures: 0, warnings: 0 });
    await expectSame(`http://${docker}`, lade.url, content);
    const again = await importFolder(lade.storage, request, options);
    expect(again).toMatchObject({ tags: 0, manifests: 0, blobs: 0, bytes: 0, failures: 0 });
  });

  test('damaged, missing and moved things are told, and spoil nothing else', async () => {
    const docker = await startDocker(join(folder, 'docker'));
    const app = remote(docker, 'team/app');
    const good = await pushImage(app, { tag: 'good', layers: [randomBytes(100)] });
    const layer = randomBytes(100);
    await pushImage(app, { tag: 'bad', layers: [layer] });
    await pushImage(remote(docker, 'other'), { tag: 'fine', layers: [randomBytes(10)] });
    const hex = sha256Of(layer).slice('sha256:'.length);
    const data = join(folder, 'docker/docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
    await writeFile(data, randomBytes(100));
    const lade = await startLade();
    await pushImage(remote(lade.host, 'team/app'), { tag: 'good', layers: [randomBytes(5)] });
    const events: TransferEvent[] = [];
    const totals = await importFolder(
      lade.storage,
      { path: join(folder, 'docker') },
      { cause, signal, emit: (event) => void events.push(event) },
    );
    expect(totals.failures).toBe(2);
    expect(events).toContainEqual(
      expect.objectContaining({ kind: 'tag', tag: 'good', digest: good.digest, state: 'kept' }),
    );
    expect((await lade.call('GET', '/v2/other/manifests/fine')).status).toBe(200);
    expect((await lade.call('GET', '/v2/team/app/manifests/bad')).status).toBe(404);
    expect(await lade.storage.blobs.stat(sha256Of(layer))).toBeUndefined();
  });

  test('is mirrored, byte for byte; a second run brings what is new and removes when told', async () => {
    const docker = await startDocker(join(folder, 'docker'));
    const content = await fill(docker);
    const lade = await startLade();
    const first = await mirrorInto(lade, { source: docker, to: 'copies' });
    expect(first.totals).toMatchObject({ repositories: 2, tags: 5, failures: 0 });
    const tagged = {
      ...content,
      manifests: content.manifests.filter(([, name]) => !name.includes(':')),
    };
    await expectSame(`http://${docker}`, lade.url, tagged, 'copies/');
    const second = await mirrorInto(lade, { source: docker, to: 'copies' });
    expect(second.totals).toMatchObject({ tags: 0, manifests: 0, blobs: 0, bytes: 0 });
    await pushImage(remote(docker, 'team/app'), { tag: 'v1', layers: [randomBytes(7)] });
    const own = remote(lade.host, 'copies/team/app');
    await pushImage(own, { tag: 'local', layers: [randomBytes(8)] });
    const third = await mirrorInto(lade, { source: docker, to: 'copies', remove: true });
    expect(third.totals).toMatchObject({ tags: 1, manifests: 1, blobs: 2 });
    expect(third.events).toContainEqual(
      expect.objectContaining({ kind: 'tag', tag: 'local', state: 'removed' }),
    );
  });
});

describe('mirroring', () => {
  test('takes signatures along by the referrers API, and chosen tags with what is attached to them', async () => {
    const [from, to] = [await startLade(), await startLade()];
    const app = remote(from.host, 'team/app');
    const one = await pushImage(app, { tag: 'v1', layers: [randomBytes(10)] });
    await pushImage(app, { tag: 'w1', layers: [randomBytes(10)] });
    const signature = await pushImage(app, { layers: [Buffer.from('sig')], subject: one.digest });
    await pushImage(app, { tag: `${one.digest.replace(':', '-')}.sig`, layers: [Buffer.from('cosign')] });
    const source = `http://${from.host}/team/app`;
    await mirrorInto(to, { source, tags: ['v*'] });
    expect((await to.call('GET', '/v2/team/app/tags/list')).json).toMatchObject({
      tags: [`${one.digest.replace(':', '-')}.sig`, 'v1'],
    });
    const referrers = await to.call('GET', `/v2/team/app/referrers/${one.digest}`);
    expect(referrers.json).toMatchObject({ manifests: [{ digest: signature.digest }] });
    const without = await startLade();
    await mirrorInto(without, { source, tags: ['v*'], referrers: false });
    expect((await without.call('GET', '/v2/team/app/tags/list')).json).toMatchObject({ tags: ['v1'] });
  });

  test('goes nowhere that is not public unless it is allowed', async () => {
    const [from, to] = [await startLade(), await startLade()];
    await expect(mirrorInto(to, { source: `http://${from.host}`, allow: [] })).rejects.toMatchObject({
      code: 'HTTP_TARGET_REFUSED',
    });
    await expect(mirrorInto(to, { source: 'http://ann:pw@x.example/' })).rejects.toMatchObject({
      code: 'UPSTREAMS_SOURCE_INVALID',
    });
  });
});

test('an OCI layout is taken over with its nested indexes and names', async () => {
  const from = await startLade();
  const content = await fill(from.host);
  const layout = join(folder, 'layout');
  await mkdir(join(layout, 'blobs', 'sha256'), { recursive: true });
  for await (const { digest } of from.storage.blobs.list()) {
    const { body } = await get(`${from.url}/v2/team/app/blobs/${digest}`);
    await writeFile(join(layout, 'blobs', 'sha256', digest.slice(7)), body);
  }
  const manifests: object[] = [];
  for (const [name, reference] of content.manifests.filter(([repository]) => repository === 'team/app')) {
    const { body, digest, type } = await get(`${from.url}/v2/${name}/manifests/${reference}`);
    await writeFile(join(layout, 'blobs', 'sha256', (digest ?? '').slice(7)), body);
    if (reference.includes(':')) continue;
    const annotations = {
      'org.opencontainers.image.ref.name': reference === 'nested' ? 'example.org/x/y:nested' : reference,
    };
    manifests.push({ mediaType: type, digest, size: body.length, annotations });
  }
  await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  const to = await startLade();
  const options = { cause, ...quiet };
  await expect(importFolder(to.storage, { path: layout }, options)).rejects.toMatchObject({
    code: 'UPSTREAMS_LAYOUT_NAME_MISSING',
  });
  const totals = await importFolder(to.storage, { path: layout, to: 'new/name' }, options);
  expect(totals).toMatchObject({ tags: 3, failures: 0, warnings: 0 });
  for (const tag of ['v1', 'latest', 'nested'])
    expect(await get(`${to.url}/v2/new/name/manifests/${tag}`)).toEqual(
      await get(`${from.url}/v2/team/app/manifests/${tag}`),
    );
  expect(MEDIA_TYPES.ociIndex).toBe(INDEX);
  await expect(importFolder(to.storage, { path: folder }, options)).rejects.toMatchObject({
    code: 'UPSTREAMS_FOLDER_UNKNOWN',
  });
});

describe('backups', () => {
  test('while pushes run: everything that was acknowledged before is in it, whole', async () => {
    const lade = await startLade();
    const app = remote(lade.host, 'team/app');
    const acknowledged: string[] = [];
    const stop = new AbortController();
    const pushing = (async () => {
      for (let n = 0; !stop.signal.aborted; n += 1) {
        await pushImage(app, { tag: `t${n}`, layers: [randomBytes(20_000)] });
        acknowledged.push(`t${n}`);
      }
    })();
    while (acknowledged.length < 5) await new Promise(setImmediate);
    const before = [...acknowledged];
    const backup = join(folder, 'backup');
    await backUp(lade.storage, backup, quiet);
    stop.abort();
    await pushing;
    await checkBackup(backup, { read: true, signal });
    const root = join(folder, 'restored');
    await restoreRegistry(backup, root, quiet);
    const restored = stack.use(await startWireRegistry({}, root));
    const tags = ((await restored.call('GET', '/v2/team/app/tags/list')).json as { tags: string[] }).tags;
    expect(tags).toEqual(expect.arrayContaining(before));
    for (const tag of tags) {
      const manifest = await restored.call('GET', `/v2/team/app/manifests/${tag}`);
      const { layers } = manifest.json as { layers: { digest: string }[] };
      for (const { digest } of layers) {
        const blob = await restored.call('GET', `/v2/team/app/blobs/${digest}`);
        expect(sha256Of(blob.body)).toBe(digest);
      }
    }
    expect(restored.storage.metadata.backups.holds()).toEqual([]);
    expect(lade.storage.metadata.backups.holds()).toEqual([]);
  });

  test('are whole whatever is deleted and collected meanwhile', async () => {
    const lade = await startLade();
    const app = remote(lade.host, 'team/app');
    const stop = new AbortController();
    const busy = [0, 1].map(async (lane) => {
      for (let n = 0; !stop.signal.aborted; n += 1) {
        // A collection without grace may take blobs of a push that has not ended.
        const pushed = await pushImage(app, { tag: `l${lane}n${n}`, layers: [randomBytes(500)] }).catch(
          () => undefined,
        );
        if (pushed !== undefined && n % 2 === 0)
          await lade.call('DELETE', `/v2/team/app/manifests/${pushed.digest}`);
        await lade.registry.collect({ graceMs: 0 });
      }
    });
    for (let round = 0; round < 4; round += 1) {
      const backup = join(folder, `backup-${round}`);
      await backUp(lade.storage, backup, quiet);
      await checkBackup(backup, { read: true, signal });
    }
    stop.abort();
    await Promise.all(busy);
  });

  test('a second one copies what is new; one that breaks off leaves the first in force', async () => {
    const lade = await startLade();
    const app = remote(lade.host, 'team/app');
    await pushImage(app, { tag: 'one', layers: [randomBytes(1000)] });
    const backup = join(folder, 'backup');
    const first = await backUp(lade.storage, backup, quiet);
    await pushImage(app, { tag: 'two', layers: [randomBytes(1000)] });
    const breaking = new AbortController();
    const broken = backUp(lade.storage, backup, {
      signal: breaking.signal,
      emit: ({ kind }) => (kind === 'snapshot' ? breaking.abort() : undefined),
    });
    await expect(broken).rejects.toThrow();
    expect((await checkBackup(backup, { read: true, signal })).id).toBe(first.id);
    const done: object[] = [];
    await backUp(lade.storage, backup, { signal, emit: (event) => void done.push(event) });
    expect(done.at(-1)).toMatchObject({ kind: 'done', blobs: 2, present: 2 });
    expect((await readdir(backup)).filter((name) => name.endsWith('.db'))).toHaveLength(1);
  });

  test('blobs of a list are held until it is released; nothing of it is missing then', async () => {
    const lade = await startLade();
    const app = remote(lade.host, 'team/app');
    const { digest } = await pushImage(app, { tag: 'one', layers: [randomBytes(1000)] });
    const backup = join(folder, 'backup');
    const { id } = await backUp(lade.storage, backup, { ...quiet, listOnly: true });
    await lade.call('DELETE', `/v2/team/app/manifests/${digest}`);
    expect(await lade.registry.collect({ graceMs: 0 })).toMatchObject({ blobs: 0 });
    const list = (await readFile(join(backup, 'blobs.list'), 'utf8')).trim().split('\n');
    expect(list).toHaveLength(2);
    await expect(restoreRegistry(backup, join(folder, 'r'), quiet)).rejects.toMatchObject({
      code: 'UPSTREAMS_BACKUP_DAMAGED',
    });
    for (const path of list) {
      await mkdir(join(backup, path, '..'), { recursive: true });
      await writeFile(join(backup, path), await readFile(join(lade.root, path)));
    }
    await lade.storage.metadata.backups.release(id);
    expect(await lade.registry.collect({ graceMs: 0 })).toMatchObject({ blobs: 2 });
    await restoreRegistry(backup, join(folder, 'r'), quiet);
    await using storage = await openRegistryStorage(join(folder, 'r'));
    expect(storage.metadata.contents.tagged('team/app', 'one')).toBe(digest);
  });

  test('nothing half-finished, damaged or foreign is restored, and nothing over something', async () => {
    const lade = await startLade();
    await pushImage(remote(lade.host, 'team/app'), { tag: 'one', layers: [randomBytes(1000)] });
    const backup = join(folder, 'backup');
    const root = join(folder, 'root');
    await mkdir(backup);
    await expect(restoreRegistry(backup, root, quiet)).rejects.toMatchObject({
      code: 'UPSTREAMS_BACKUP_UNFINISHED',
    });
    await writeFile(join(backup, 'x'), 'mine');
    await expect(backUp(lade.storage, backup, quiet)).rejects.toMatchObject({
      code: 'UPSTREAMS_BACKUP_FOREIGN',
    });
    await rm(join(backup, 'x'));
    await backUp(lade.storage, backup, quiet);
    await mkdir(root);
    await writeFile(join(root, 'x'), 'mine');
    await expect(restoreRegistry(backup, root, quiet)).rejects.toMatchObject({
      code: 'UPSTREAMS_ROOT_NOT_EMPTY',
    });
    await rm(join(root, 'x'));
    for await (const { digest } of lade.storage.blobs.list()) {
      const path = join(backup, 'blobs', 'sha256', digest.slice(7, 9), digest.slice(7));
      const { size } = await stat(path);
      await rm(path);
      await writeFile(path, Buffer.alloc(size));
      break;
    }
    await expect(checkBackup(backup, { read: true, signal })).rejects.toMatchObject({
      code: 'UPSTREAMS_BACKUP_DAMAGED',
    });
    await expect(restoreRegistry(backup, root, quiet)).rejects.toMatchObject({
      code: 'BLOBS_DIGEST_INVALID',
    });
    await expect(openRegistryStorage(root)).rejects.toMatchObject({ code: 'REGISTRY_LAYOUT_UNKNOWN' });
  });
});
