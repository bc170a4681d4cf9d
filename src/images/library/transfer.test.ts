import { execFileSync } from 'node:child_process';
import { createReadStream, createWriteStream, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { buffer } from 'node:stream/consumers';
import { createGzip } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  makeScratch,
  noise,
  openLibrary,
  rootfsTar,
  startDockerRegistry,
  type Registry,
  type Scratch,
} from './testing.ts';

let scratch: Scratch;
let registry: Registry;
beforeAll(async () => {
  scratch = makeScratch();
  registry = await startDockerRegistry(scratch.path);
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

const skopeo = (...args: readonly string[]): string =>
  execFileSync('skopeo', ['--insecure-policy', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
const root = (name: string): string => join(scratch.path, name);
const inspectRemote = (reference: string): { Digest: string; Layers: string[] } =>
  JSON.parse(skopeo('inspect', '--tls-verify=false', `docker://${reference}`)) as {
    Digest: string;
    Layers: string[];
  };

describe('push and pull', () => {
  test('an imported image goes out and comes back the same, and skopeo agrees', async () => {
    const name = `${registry.host}/shop/web:1.0`;
    await using first = await openLibrary(root('a'));
    const made = await first.library.import({
      stream: rootfsTar({ 'etc/motd': 'hello\n', 'data.bin': noise(3 << 20, 7) }),
      reference: name,
      changes: ['CMD ["/bin/true"]', 'ENV A="b c" D=e', 'EXPOSE 80', 'LABEL x=y'],
    });
    expect(made.config.config).toMatchObject({
      Cmd: ['/bin/true'],
      Env: ['A=b c', 'D=e'],
      ExposedPorts: { '80/tcp': {} },
    });
    const pushed = await first.library.push({ reference: name }, first.emit);
    expect(inspectRemote(name).Digest).toBe(pushed.digest);
    expect(first.progress[0]).toMatchObject({
      message: `The push refers to repository [${registry.host}/shop/web]`,
    });
    expect(first.progress.map((event) => event.kind === 'layer' && event.status)).toContain('Pushed');
    expect(first.library.inspect(name).RepoDigests).toEqual([`${registry.host}/shop/web@${pushed.digest}`]);

    const again = await first.library.push({ reference: name }, first.emit);
    expect(again).toEqual(pushed);
    expect(first.progress.at(-1)).toMatchObject({ status: 'Layer already exists' });

    await using second = await openLibrary(root('b'));
    const pulled = await second.library.pull({ reference: name }, second.emit);
    expect(pulled.id).toBe(made.id);
    expect(second.progress.slice(-2)).toEqual([
      { kind: 'status', message: `Digest: ${pushed.digest}` },
      { kind: 'status', message: `Status: Downloaded newer image for ${name}` },
    ]);
    const [diffId] = pulled.config.rootfs.diffIds;
    expect(await buffer(second.layers.openTar(diffId!))).toEqual(await buffer(first.layers.openTar(diffId!)));
    await second.library.pull({ reference: name }, second.emit);
    expect(second.progress.at(-1)).toMatchObject({ message: `Status: Image is up to date for ${name}` });

    const other = `${registry.host}/shop/copy:2`;
    await second.library.tag(name, other);
    const copied = await second.library.push({ reference: other }, second.emit);
    expect(copied.digest).toBe(pushed.digest);
    expect(second.progress.map((event) => event.kind === 'layer' && event.status)).toContain(
      'Mounted from shop/web',
    );
  });

  test('what skopeo pushed is pulled, by tag and by digest, two at once sharing transfers', async () => {
    await using first = await openLibrary(root('c'));
    const made = await first.library.import({
      stream: rootfsTar({ x: noise(2 << 20, 9) }),
      reference: 'x:1',
    });
    await pipeline(await first.library.save(['x:1']), createWriteStream(root('x.tar')));
    skopeo(
      'copy',
      '--dest-tls-verify=false',
      `docker-archive:${root('x.tar')}`,
      `docker://${registry.host}/other:z`,
    );
    const digest = inspectRemote(`${registry.host}/other:z`).Digest;
    await using second = await openLibrary(root('d'));
    const [byTag, byDigest] = await Promise.all([
      second.library.pull({ reference: `${registry.host}/other:z` }, second.emit),
      second.library.pull({ reference: `${registry.host}/other@${digest}` }, second.emit),
    ]);
    expect(byTag.config.rootfs).toEqual(made.config.rootfs);
    expect(byDigest.id).toBe(byTag.id);
    expect(second.library.inspect(byTag.id)).toMatchObject({
      RepoTags: [`${registry.host}/other:z`],
      RepoDigests: [`${registry.host}/other@${digest}`],
    });
  });

  test('a missing tag, and a registry that is not there', async () => {
    await using opened = await openLibrary(root('e'));
    await expect(opened.library.pull({ reference: `${registry.host}/none:1` })).rejects.toMatchObject({
      kind: 'not-found',
    });
    await expect(opened.library.pull({ reference: '127.0.0.1:1/x' })).rejects.toMatchObject({
      kind: 'unavailable',
    });
    await expect(opened.library.push({ reference: 'nothing:here' })).rejects.toThrow(
      'An image does not exist locally with the tag: nothing:here',
    );
    expect(opened.store.blobs.list()).toEqual([]);
  });
});

describe('save and load', () => {
  test('a saved image loads again, plain and gzipped; skopeo reads it as Docker archive and as OCI layout', async () => {
    await using opened = await openLibrary(root('f'));
    const made = await opened.library.import({
      stream: rootfsTar({ 'a/b': 'c', big: noise(1 << 20, 3) }),
      reference: 'app:1',
    });
    await opened.library.tag('app:1', 'app:2');
    const archive = root('app.tar');
    await pipeline(await opened.library.save(['app']), createWriteStream(archive));
    const config = JSON.parse(skopeo('inspect', '--config', `docker-archive:${archive}:app:2`)) as {
      rootfs: { diff_ids: string[] };
    };
    expect(config.rootfs.diff_ids).toEqual(made.config.rootfs.diffIds);
    execFileSync('mkdir', ['-p', root('layout')]);
    execFileSync('tar', ['-xf', archive, '-C', root('layout')]);
    skopeo('copy', `oci:${root('layout')}:1`, `oci:${root('copied')}:1`);
    execFileSync('umoci', ['unpack', '--image', `${root('copied')}:1`, root('bundle')]);
    expect(readFileSync(join(root('bundle'), 'rootfs/a/b'), 'utf8')).toBe('c');
    expect(readFileSync(join(root('bundle'), 'rootfs/big'))).toEqual(noise(1 << 20, 3));

    for (const gzip of [false, true]) {
      await using other = await openLibrary(root(`g${gzip}`));
      const input = createReadStream(archive);
      const views = await other.library.load(gzip ? input.pipe(createGzip()) : input, other.emit);
      expect(views.map((view) => [view.id, view.tags])).toEqual([[made.id, ['app:1', 'app:2']]]);
      expect(other.progress.filter((event) => event.kind === 'loaded').map((event) => event.message)).toEqual(
        ['Loaded image: app:1', 'Loaded image: app:2'],
      );
      expect(other.library.history('app:1')).toEqual(opened.library.history('app:1'));
    }
  });

  test('an image that was pulled keeps its digest through save and load', async () => {
    const name = `${registry.host}/keeps:1`;
    await using opened = await openLibrary(root('h'));
    await opened.library.import({ stream: rootfsTar({ k: noise(1 << 20, 5) }), reference: name });
    const { digest } = await opened.library.push({ reference: name });
    await pipeline(await opened.library.save([name]), createWriteStream(root('keeps.tar')));
    await using other = await openLibrary(root('i'));
    await other.library.load(createReadStream(root('keeps.tar')));
    await other.library.tag(name, `${registry.host}/keeps:again`);
    expect((await other.library.push({ reference: `${registry.host}/keeps:again` })).digest).toBe(digest);
  });

  test("archives of skopeo: OCI, and Docker's older form", async () => {
    await using opened = await openLibrary(root('j'));
    const made = await opened.library.import({
      stream: rootfsTar({ q: noise(1 << 19, 6) }),
      reference: 'q:1',
    });
    await pipeline(await opened.library.save(['q:1']), createWriteStream(root('q.tar')));
    for (const [form, target] of [
      ['oci-archive', `oci-archive:${root('q-oci.tar')}:example.com/q:1`],
      ['docker-archive', `docker-archive:${root('q-docker.tar')}:q:1`],
    ] as const) {
      skopeo('copy', `docker-archive:${root('q.tar')}`, target);
      await using other = await openLibrary(root(`k-${form}`));
      const [view] = await other.library.load(
        createReadStream(root(form === 'oci-archive' ? 'q-oci.tar' : 'q-docker.tar')),
      );
      expect(view?.config.rootfs).toEqual(made.config.rootfs);
      expect(view?.tags).toEqual([form === 'oci-archive' ? 'example.com/q:1' : 'q:1']);
    }
  });

  test('what is no archive, or cut off, is refused and leaves nothing', async () => {
    await using opened = await openLibrary(root('l'));
    await opened.library.import({ stream: rootfsTar({ z: noise(1 << 20, 8) }), reference: 'z:1' });
    await pipeline(await opened.library.save(['z:1']), createWriteStream(root('z.tar')));
    await using other = await openLibrary(root('m'));
    const half = Math.floor(statSync(root('z.tar')).size / 2);
    await expect(other.library.load(createReadStream(root('z.tar'), { end: half }))).rejects.toMatchObject({
      code: 'LIBRARY_ARCHIVE_UNREADABLE',
    });
    await expect(other.library.load(rootfsTar({ 'etc/passwd': 'x' }))).rejects.toMatchObject({
      kind: 'invalid-argument',
    });
    expect(other.store.blobs.list()).toEqual([]);
    expect(other.layers.list()).toEqual([]);
    expect(readdirSync(join(root('m'), 'ingest'))).toEqual([]);
  });
});
