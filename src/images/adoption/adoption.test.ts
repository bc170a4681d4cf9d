import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRegistryClient } from '#distribution';
import { layersMigrations, openLayerStore } from '#layers';
import { createLibrary } from '#library';
import { asDiffId, chainIds, hexOf, type DiffId } from '#oci';
import { openImageStore, openRoot } from '#store';
import { adoptDocker } from './adopt-docker.ts';
import { layerOfFolder } from './layer-ids.ts';
import type { AdoptionParts } from './types.ts';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'lade-adoption-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const sha = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');
const at = (...parts: readonly string[]): string => join(folder, ...parts);
const put = (path: string, content: string | Buffer): void => {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
};

const openParts = async (name: string) => {
  const stack = new AsyncDisposableStack();
  const root = stack.use(await openRoot({ path: at(name), migrations: layersMigrations }));
  const store = await openImageStore(root);
  const layers = stack.use(await openLayerStore(root));
  const library = createLibrary({ store, layers, registryClientFor: () => createRegistryClient({}) });
  const parts: AdoptionParts = { store, layers, library };
  return { ...parts, library, store, layers, [Symbol.asyncDispose]: () => stack.disposeAsync() };
};

interface Layer {
  readonly diffId: DiffId;
  readonly tar: Buffer;
  readonly split: string;
}

/** A tar by GNU tar of one file, and what tar-split keeps of it. */
const layerOf = (directory: string, name: string, content: string): Layer => {
  put(join(directory, name), content);
  const tar = execFileSync('tar', ['--owner=7', '--mtime=@5', '-C', directory, '-cf', '-', name]);
  const start = 512;
  const pieces = [
    { type: 2, payload: tar.subarray(0, start).toString('base64'), position: 0 },
    { type: 1, name, size: content.length, payload: 'AAAAAAAAAAA=', position: 1 },
    { type: 2, payload: tar.subarray(start + content.length).toString('base64'), position: 2 },
  ];
  return {
    diffId: asDiffId(`sha256:${sha(tar)}` as DiffId),
    tar,
    split: `${pieces.map((piece) => JSON.stringify(piece)).join('\n')}\n`,
  };
};

/** A data folder of dockerd with one image of two layers and two names. */
const makeFolder = () => {
  const root = at('docker');
  const images = join(root, 'image', 'overlay2');
  const layers = ['low', 'high'].map((id) =>
    layerOf(join(root, 'overlay2', id, 'diff'), `f-${id}`, `text of ${id}`),
  );
  const diffIds = layers.map(({ diffId }) => diffId);
  const config = JSON.stringify({
    os: 'linux',
    architecture: 'amd64',
    config: {},
    rootfs: { type: 'layers', diff_ids: diffIds },
  });
  const id = sha(config);
  put(join(images, 'imagedb', 'content', 'sha256', id), config);
  for (const [index, chainId] of chainIds(diffIds).entries()) {
    const record = join(images, 'layerdb', 'sha256', hexOf(chainId));
    put(join(record, 'cache-id'), index === 0 ? 'low' : 'high');
    put(join(record, 'tar-split.json.gz'), gzipSync(layers[index]?.split ?? ''));
  }
  const digest = `sha256:${'c'.repeat(64)}`;
  const names = { 'shop:1': `sha256:${id}`, 'shop:2': `sha256:${id}`, [`shop@${digest}`]: `sha256:${id}` };
  put(join(images, 'repositories.json'), JSON.stringify({ Repositories: { shop: names } }));
  return { root, images, layers, diffIds, config, id: `sha256:${id}`, digest };
};

describe('a data folder', () => {
  test('gives its images, their names and digests, and layers byte for byte; twice changes nothing', async () => {
    const made = makeFolder();
    await using parts = await openParts('a');
    const report = await adoptDocker(parts, { dataRoot: made.root }, () => undefined);
    expect(report).toEqual({ adopted: [made.id], present: [], keptNames: [], failed: [] });
    expect(parts.library.inspect('shop:2')).toMatchObject({
      Id: made.id,
      RepoTags: ['shop:1', 'shop:2'],
      RepoDigests: [`shop@${made.digest}`],
    });
    for (const { diffId, tar } of made.layers)
      expect(readFileSync(parts.layers.tarPath(diffId))).toEqual(tar);
    const again = await adoptDocker(parts, { dataRoot: made.root }, () => undefined);
    expect(again).toEqual({ adopted: [], present: [made.id], keptNames: [], failed: [] });
  });

  test('names that mean another image stay, unless they are to be moved', async () => {
    const made = makeFolder();
    await using parts = await openParts('b');
    const { Readable } = await import('node:stream');
    const own = await parts.library.import({
      stream: Readable.from([made.layers[0]?.tar ?? '']),
      reference: 'shop:1',
    });
    const report = await adoptDocker(parts, { dataRoot: made.root }, () => undefined);
    expect(report.keptNames).toEqual(['shop:1']);
    expect(parts.library.resolve('shop:1').id).toBe(own.id);
    await adoptDocker(parts, { dataRoot: made.root, moveNames: true }, () => undefined);
    expect(parts.library.resolve('shop:1').id).toBe(made.id);
  });

  test('an image whose layer cannot be had is named, and leaves nothing', async () => {
    const made = makeFolder();
    await using parts = await openParts('c');
    const { diffIds, images } = made;
    const split = join(images, 'layerdb', 'sha256', hexOf(chainIds(diffIds)[1]!), 'tar-split.json.gz');
    const failureNow = async (): Promise<string | undefined> => {
      const { failed } = await adoptDocker(parts, { dataRoot: made.root }, () => undefined);
      expect(parts.store.images.list()).toEqual([]);
      expect(parts.layers.list()).toEqual([]);
      return failed[0]?.message;
    };
    rmSync(split);
    expect(await failureNow()).toContain('tar-split');
    put(split, gzipSync(made.layers[1]!.split).subarray(0, 100));
    expect(await failureNow()).toContain('damaged or cut off');
    put(split, gzipSync(made.layers[1]!.split));
    put(join(made.root, 'overlay2', 'high', 'diff', 'f-high'), 'TEXT of high');
    expect(await failureNow()).toContain('digest');
    rmSync(join(made.root, 'overlay2', 'high', 'diff', 'f-high'));
    expect(await failureNow()).toContain('missing');
  });

  test('a link in a layer leads nowhere outside of it', async () => {
    const made = makeFolder();
    put(at('secret'), 'text of high');
    const file = join(made.root, 'overlay2', 'high', 'diff', 'f-high');
    rmSync(file);
    execFileSync('ln', ['-s', at('secret'), file]);
    await using parts = await openParts('d');
    expect((await adoptDocker(parts, { dataRoot: made.root }, () => undefined)).failed).toHaveLength(1);
  });

  test('what is none is refused with what it is', async () => {
    await using parts = await openParts('e');
    mkdirSync(at('other', 'image', 'btrfs'), { recursive: true });
    await expect(adoptDocker(parts, { dataRoot: at('other') }, () => undefined)).rejects.toThrow('btrfs');
    await expect(adoptDocker(parts, { dataRoot: at('no') }, () => undefined)).rejects.toThrow(
      'does not exist',
    );
  });
});

const listen = async (server: Server, path: string): Promise<void> =>
  new Promise((resolve) => server.listen(path, resolve));

describe('the API', () => {
  test('gives images as archives; one that the daemon cannot give does not keep the others', async () => {
    const made = makeFolder();
    const archive = execFileSync('sh', [
      '-c',
      `mkdir ${at('t')} && cd ${at('t')} && cp ${join(made.images, 'imagedb', 'content', 'sha256', made.id.slice(7))} c.json && ` +
        `echo '[{"Config":"c.json","RepoTags":null,"Layers":["0/layer.tar","1/layer.tar"]}]' > manifest.json && mkdir 0 1 && ` +
        `tar --owner=7 --mtime=@5 -C ${made.root}/overlay2/low/diff -cf 0/layer.tar f-low && ` +
        `tar --owner=7 --mtime=@5 -C ${made.root}/overlay2/high/diff -cf 1/layer.tar f-high && tar -cf - *`,
    ]);
    const broken = `sha256:${'d'.repeat(64)}`;
    const server = createServer((request, response) => {
      const url = request.url ?? '';
      if (url === '/images/json')
        response.end(
          JSON.stringify([
            { Id: broken, RepoTags: ['broken:1'], RepoDigests: null },
            { Id: made.id, RepoTags: ['shop:1'], RepoDigests: ['<none>@<none>'] },
          ]),
        );
      else if (url.endsWith('/json')) response.end(JSON.stringify({ RootFS: { Layers: made.diffIds } }));
      else if (url.includes('dddd')) response.writeHead(500).end('{"message":"layer does not exist"}');
      else response.end(archive);
    });
    await listen(server, at('s'));
    await using parts = await openParts('f');
    const report = await adoptDocker(parts, { host: `unix://${at('s')}` }, () => undefined);
    server.close();
    expect(report.adopted).toEqual([made.id]);
    expect(report.failed).toEqual([
      expect.objectContaining({
        image: 'broken:1',
        message: expect.stringContaining('layer does not exist'),
      }),
    ]);
    expect(parts.library.resolve('shop:1').id).toBe(made.id);
  });

  test('an address where nobody answers, and one that is none', async () => {
    await using parts = await openParts('g');
    await expect(adoptDocker(parts, { host: `unix://${at('none')}` }, () => undefined)).rejects.toMatchObject(
      {
        code: 'ADOPTION_DAEMON_UNREACHABLE',
      },
    );
    await expect(adoptDocker(parts, { host: 'ssh://x' }, () => undefined)).rejects.toMatchObject({
      code: 'ADOPTION_HOST_UNSUPPORTED',
    });
  });
});

describe('folders of archives by Docker before 25', () => {
  test('are found out to be the layers they hold', () => {
    const diffIds = [
      'sha256:9c27953f657a06a40ea267cab4b681a6fac7c12ba45a38d44b92868485fbee6b',
      'sha256:d61975c4db1257bdafd5f392af0397af932434f6623e5e0400308de853266a32',
    ] as DiffId[];
    const config =
      '"container_config":{"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":null,"Cmd":null,"Image":"","Volumes":null,"WorkingDir":"","Entrypoint":null,"OnBuild":null,"Labels":null},"os":"linux"';
    const low = 'd8399e9fcbe602201b588e9df9b468f1db1e46456c4db954e652c2f6de3aabe7';
    const high = '8e9de88debb13f89595c37105aba88ded9c40295e3d233cb901d5166bdf20b21';
    const json = (id: string, parent = ''): Buffer =>
      Buffer.from(`{"id":"${id}",${parent}"created":"1970-01-01T00:00:00Z",${config}}`);
    expect(layerOfFolder(low, json(low), diffIds)).toBe(diffIds[0]);
    expect(layerOfFolder(high, json(high, `"parent":"${low}",`), diffIds)).toBe(diffIds[1]);
    expect(layerOfFolder(high, json(high, `"parent":"${low}",`), diffIds.slice(1))).toBeUndefined();
  });
});
