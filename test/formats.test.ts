/** Indexes, artifacts and foreign images between registries; every byte judged by skopeo. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Descriptor } from '#oci';
import { createImageKit, httpSink, type MadeManifest } from '../src/images/library/testing/image-kit.ts';
import { startDockerRegistry, type DockerRegistry } from './support/docker-registry.ts';
import { startMachine, startRegistry, type Machine, type RegistryService } from './support/lade.ts';
import { mustRun } from './support/process.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
const stack = new AsyncDisposableStack();
let from: DockerRegistry;
let to: DockerRegistry;
let own: RegistryService;
let machine: Machine;

const host = { os: 'linux', architecture: process.arch === 'arm64' ? 'arm64' : 'amd64' };
const other = { os: 'linux', architecture: 's390x' };
const windows = { os: 'windows', architecture: 'amd64', osVersion: '10.0.20348.1' };

beforeAll(async () => {
  from = stack.use(await startDockerRegistry(scratch, 'from'));
  to = stack.use(await startDockerRegistry(scratch, 'to'));
  own = stack.use(await startRegistry(scratch.join('own')));
  machine = stack.use(await startMachine(scratch));
});

afterAll(async () => {
  await stack.disposeAsync();
  scratch[Symbol.dispose]();
});

const raw = async (reference: string): Promise<string> =>
  (await mustRun('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${reference}`])).stdout;

/** Copies by skopeo, which reads and verifies everything that an index names. */
const readWhole = (reference: string, name: string) =>
  mustRun('skopeo', [
    'copy',
    '--all',
    '--src-tls-verify=false',
    `docker://${reference}`,
    `oci:${scratch.join(name)}:x`,
  ]);

const on = ({ descriptor }: MadeManifest, platform: Descriptor['platform']): Descriptor => ({
  ...descriptor,
  platform,
});

const kitFor = (repository: string, address = from.address) => createImageKit(httpSink(address, repository));

/** Three platforms with an attestation and an artifact beside them. */
const putIndex = async (repository: string, kind: 'oci' | 'docker' = 'oci'): Promise<MadeManifest> => {
  const { image, index, artifact, attestation } = kitFor(repository);
  const images = [
    on(await image({ platform: other, kind, layers: [{ shared: 'x' }, { other: 'y', repository }] }), other),
    on(await image({ platform: host, kind, layers: [{ shared: 'x' }, { host: 'z', repository }] }), host),
    on(await image({ platform: windows, kind, layers: [{ 'Files/x': repository }] }), windows),
  ];
  if (kind === 'docker') return index(images, { tags: ['1'], kind });
  const [, about] = images;
  const attested = about === undefined ? [] : [await attestation(about)];
  const chart = await artifact({ artifactType: 'application/x-chart', content: 'chart' });
  return index([...images, ...attested, { ...chart.descriptor, artifactType: 'application/x-chart' }], {
    tags: ['1'],
  });
};

const moveWhole = async (repository: string, address: string): Promise<string> => {
  const source = `${from.address}/${repository}:1`;
  const target = `${address}/${repository}:1`;
  await machine.lade('pull', '-q', '--all-platforms', source);
  await machine.lade('tag', source, target);
  await machine.lade('push', '-q', target);
  return target;
};

describe('an index goes through the machine byte for byte', () => {
  test.each(['oci', 'docker'] as const)('of %s, to a docker-registry and to our own', async (kind) => {
    const repository = `whole-${kind}`;
    const made = await putIndex(repository, kind);
    for (const address of [to.address, own.address]) {
      const target = await moveWhole(repository, address);
      expect(await raw(target)).toBe(made.bytes.toString());
      await readWhole(target, `${repository}-${address === own.address}`);
    }
    const listed = await machine.docker('images', '-a', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}}');
    expect(listed.stdout).not.toContain('<none>');
  });

  test('and what was pulled in part is pushed in part, with a word about it', async () => {
    const made = await putIndex('part');
    const source = `${from.address}/part:1`;
    const target = `${to.address}/part:1`;
    await machine.lade('pull', '-q', source);
    await machine.lade('tag', source, target);
    expect((await machine.lade('push', target)).stdout).toContain('pull with --all-platforms');
    expect(JSON.parse(await raw(target))).toMatchObject({ layers: [{}, {}] });
    await machine.lade('pull', '-q', '--all-platforms', source);
    await machine.lade('tag', source, target);
    await machine.lade('push', '-q', target);
    expect(await raw(target)).toBe(made.bytes.toString());
  });

  test('one platform of it can be pushed alone, by docker as well', async () => {
    await putIndex('single');
    await moveWhole('single', to.address);
    const target = `${to.address}/single:alone`;
    await machine.lade('tag', `${from.address}/single:1`, target);
    const platforms = async (): Promise<unknown> =>
      JSON.parse(
        (await mustRun('skopeo', ['inspect', '--config', '--tls-verify=false', `docker://${target}`])).stdout,
      );
    await machine.lade('push', '-q', '--platform', 'linux/s390x', target);
    expect(await platforms()).toMatchObject({ architecture: 's390x' });
    await machine.docker('push', '-q', '--platform', `linux/${host.architecture}`, target);
    expect(await platforms()).toMatchObject({ architecture: host.architecture });
  });

  test('containers are made of any Linux platform of it, without another pull', async () => {
    await putIndex('create');
    const source = `${from.address}/create:1`;
    await machine.lade('pull', '-q', '--all-platforms', source);
    const made = await machine.docker('create', '--pull', 'never', '--platform', 'linux/s390x', source, 'x');
    const id = made.stdout.trim();
    const inspected = await machine.docker('inspect', '--format', '{{.Image}}', id);
    const config = await machine.docker('inspect', '--format', '{{.Architecture}}', inspected.stdout.trim());
    expect(config.stdout.trim()).toBe('s390x');
    await machine.docker('cp', `${id}:/other`, scratch.join('copied'));
    expect(readFileSync(scratch.join('copied'), 'utf8')).toBe('y');
    await machine.docker('rm', id);
    await machine.docker('rmi', source);
    expect((await machine.docker('images', '-aq', source)).stdout).toBe('');
  });
});

describe('an index that was pulled whole', () => {
  const pulled = async (repository: string): Promise<{ source: string; made: MadeManifest }> => {
    const made = await putIndex(repository);
    const source = `${from.address}/${repository}:1`;
    await machine.lade('pull', '-q', '--all-platforms', source);
    return { source, made };
  };

  test('goes through an archive byte for byte', async () => {
    const { source, made } = await pulled('archived');
    const archive = scratch.join('archived.tar');
    await machine.lade('save', '-o', archive, source);
    const kept = await mustRun('skopeo', ['inspect', '--raw', `oci-archive:${archive}`]);
    expect(kept.stdout).toBe(made.bytes.toString());
    await machine.docker('rmi', source);
    await machine.lade('load', '-i', archive);
    const target = `${to.address}/archived:1`;
    await machine.lade('tag', source, target);
    await machine.lade('push', '-q', target);
    expect(await raw(target)).toBe(made.bytes.toString());
    await readWhole(target, 'archived');
  });

  test('comes back whole when its removal is undone', async () => {
    const { source, made } = await pulled('undone');
    await machine.docker('rmi', source);
    await machine.lade('undo');
    const target = `${to.address}/undone:1`;
    await machine.lade('tag', source, target);
    await machine.lade('push', '-q', target);
    expect(await raw(target)).toBe(made.bytes.toString());
  });

  test('gives builds any of its platforms, without another pull', async () => {
    const { source } = await pulled('based');
    const folder = scratch.child('context');
    writeFileSync(folder.join('Dockerfile'), `FROM --platform=linux/s390x ${source}\nCOPY Dockerfile /\n`);
    const env = { DOCKER_DEFAULT_PLATFORM: 'linux/s390x' };
    const built = await machine.tryLade(['build', '-q', '-t', 'based:s390x', folder.path], {
      env: { ...process.env, ...env, LADE_HOST: `unix://${machine.socket}` },
    });
    expect(built.stderr).toBe('');
    const shown = await machine.docker('image', 'inspect', '--format', '{{.Architecture}}', 'based:s390x');
    expect(shown.stdout.trim()).toBe('s390x');
  });

  test('is sound, and goes with a prune of everything', async () => {
    await pulled('pruned');
    const checked = await machine.tryLade(['system', 'check']);
    expect(`${checked.stdout}${checked.stderr}`).not.toMatch(/missing|damaged|corrupt/);
    expect(checked.code).toBe(0);
    await machine.docker('image', 'prune', '-a', '-f');
    expect((await machine.docker('images', '-aq')).stdout).toBe('');
  });
});

test('signatures and bills of materials go along', async () => {
  const made = await putIndex('signed');
  const { artifact } = kitFor('signed');
  const sink = kitFor('signed');
  const signature = await artifact({
    artifactType: 'application/x-sig',
    content: 's',
    subject: made.descriptor,
  });
  const entry = { ...signature.descriptor, artifactType: 'application/x-sig' };
  const tag = made.descriptor.digest.replace(':', '-');
  await sink.index([entry], { tags: [tag] });
  const target = await moveWhole('signed', to.address);
  expect(await raw(target)).toBe(made.bytes.toString());
  expect(await raw(`${to.address}/signed@${signature.descriptor.digest}`)).toBe(signature.bytes.toString());
  const list = JSON.parse(await raw(`${to.address}/signed:${tag}`)) as { manifests: readonly Descriptor[] };
  expect(list.manifests).toEqual([{ ...entry, annotations: { 'org.example.note': 'kept' } }]);
  await moveWhole('signed', own.address);
  const answer = await fetch(`http://${own.address}/v2/signed/referrers/${made.descriptor.digest}`);
  expect(await answer.json()).toMatchObject({ manifests: [{ digest: signature.descriptor.digest }] });
});

describe('foreign images', () => {
  test('of Windows are pulled, inspected, tagged, saved and pushed; not run', async () => {
    const { image } = kitFor('win');
    const made = await image({ platform: windows, kind: 'docker', tags: ['1'] });
    const source = `${from.address}/win:1`;
    await machine.docker('pull', '-q', '--platform', 'windows/amd64', source);
    const shown = await machine.docker(
      'image',
      'inspect',
      '--format',
      '{{.Os}} {{.OsVersion}} {{.Id}}',
      source,
    );
    expect(shown.stdout.trim()).toBe(`windows ${windows.osVersion} ${made.id}`);
    const refused = await machine.tryDocker(['run', '--rm', '--platform', 'windows/amd64', source]);
    expect(refused.code).toBe(125);
    expect(refused.stderr).toContain('is an image for windows/amd64, which does not run on Linux');
    const target = `${to.address}/win:1`;
    await machine.docker('tag', source, target);
    await machine.docker('push', '-q', target);
    expect(await raw(target)).toBe(made.bytes.toString());
    const archive = scratch.join('win.tar');
    await machine.docker('save', '-o', archive, target);
    const kept = await mustRun('skopeo', ['inspect', '--raw', `oci-archive:${archive}`]);
    expect(kept.stdout).toBe(made.bytes.toString());
  });

  test('with layers that lie elsewhere: fetched from there, and not pushed', async () => {
    const elsewhere = kitFor('elsewhere');
    const plain = await elsewhere.image({ platform: windows, kind: 'docker' });
    const [layer = plain] = plain.layers;
    const mediaType = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
    const urls = [`http://${from.address}/v2/elsewhere/blobs/${layer.descriptor.digest}`];
    const { image } = createImageKit(httpSink(own.address, 'far'));
    const made = await image({
      platform: windows,
      kind: 'docker',
      withoutLayers: true,
      layer: { mediaType, urls },
      tags: ['1'],
    });
    const source = `${own.address}/far:1`;
    const target = `${own.address}/far/copy:1`;
    await machine.lade('pull', '-q', '--platform', 'windows/amd64', source);
    await machine.lade('tag', source, target);
    await machine.lade('push', '-q', target);
    expect(await raw(target)).toBe(made.bytes.toString());
    const answer = await fetch(`http://${own.address}/v2/far/copy/blobs/${layer.descriptor.digest}`);
    expect(answer.status).toBe(404);
  });
});

test('an artifact is pulled, listed, tagged and pushed as it is; not run', async () => {
  const made = await kitFor('chart').artifact({
    artifactType: 'application/x-chart',
    content: 'chart',
    tags: ['1'],
  });
  const source = `${from.address}/chart:1`;
  const target = `${to.address}/chart:1`;
  await machine.docker('pull', '-q', source);
  await machine.docker('tag', source, target);
  const listed = await machine.docker('images', '--no-trunc', '--format', '{{.ID}}', target);
  expect(listed.stdout.trim()).toBe(made.descriptor.digest);
  await machine.docker('push', '-q', target);
  expect(await raw(target)).toBe(made.bytes.toString());
  const refused = await machine.tryDocker(['run', '--rm', source]);
  expect(refused.stderr).toContain('is an artifact');
  await machine.docker('rmi', source, target);
});

describe('all tags', () => {
  test.each(['docker', 'lade'] as const)('by %s: pulled, and pushed', async (client) => {
    const repository = `many-${client}`;
    const { image } = kitFor(repository);
    for (const tag of ['a', 'b', 'c']) await image({ platform: host, layers: [{ tag }], tags: [tag] });
    const source = `${from.address}/${repository}`;
    const target = `${to.address}/${repository}`;
    await machine[client]('pull', '-a', source);
    for (const tag of ['a', 'b', 'c']) await machine[client]('tag', `${source}:${tag}`, `${target}:${tag}`);
    await machine[client]('push', '-a', target);
    const listed = await mustRun('skopeo', ['list-tags', '--tls-verify=false', `docker://${target}`]);
    const { Tags } = JSON.parse(listed.stdout) as { Tags: readonly string[] };
    expect(Tags.toSorted()).toEqual(['a', 'b', 'c']);
    for (const tag of ['a', 'b', 'c'])
      expect(await raw(`${target}:${tag}`)).toBe(await raw(`${source}:${tag}`));
  });
});

test('content named by sha512 keeps its names', async () => {
  const { image } = createImageKit(httpSink(own.address, 'long'), 'sha512');
  const made = await image({ platform: host, tags: ['1'] });
  const source = `${own.address}/long@${made.descriptor.digest}`;
  const pulled = await machine.lade('pull', '-q', source);
  expect(pulled.stdout).toContain(made.descriptor.digest);
  const target = `${own.address}/long/copy:1`;
  await machine.lade('tag', source, target);
  await machine.lade('push', '-q', target);
  expect(await raw(target)).toBe(made.bytes.toString());
  expect(await raw(`${own.address}/long/copy@${made.descriptor.digest}`)).toBe(made.bytes.toString());
});

test('schema 1 is refused with what to do instead', async () => {
  const { putManifest } = createImageKit(httpSink(own.address, 'old'));
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 1, name: 'old', tag: '1', fsLayers: [], history: [] }),
  );
  const stored = await putManifest(bytes, 'application/vnd.docker.distribution.manifest.v1+json', ['1']).then(
    () => true,
    () => false,
  );
  const refused = await machine.tryLade(['pull', `${own.address}/old:1`]);
  expect(refused.code).not.toBe(0);
  if (stored) expect(refused.stderr).toContain('skopeo copy --format v2s2');
});
