/** `lade manifest`: indexes put together from images here and in registries; skopeo judges what was pushed. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startMachine, startRegistry, type Machine, type RegistryService } from './support/lade.ts';
import { mustRun } from './support/process.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
let machine: Machine;
let registry: RegistryService;
let second: RegistryService;

beforeAll(async () => {
  machine = await startMachine(scratch);
  registry = await startRegistry(scratch.join('registry'));
  second = await startRegistry(scratch.join('second'));
  writeFileSync(scratch.join('hello'), 'hello\n');
  for (const [platform, name] of [
    ['linux/amd64', 'made/amd:1'],
    ['linux/arm64', 'made/arm:1'],
    ['linux/s390x', 'made/z:1'],
  ] as const) {
    writeFileSync(scratch.join('arch'), `${platform}\n`);
    const archive = scratch.join('root.tar');
    await mustRun('tar', ['-cf', archive, '-C', scratch.path, 'hello', 'arch']);
    await machine.lade('import', '--platform', platform, archive, name);
  }
});

afterAll(async () => {
  await second?.[Symbol.asyncDispose]();
  await registry?.[Symbol.asyncDispose]();
  await machine?.[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

interface Index {
  readonly mediaType: string;
  readonly manifests: readonly {
    readonly digest: string;
    readonly platform: Readonly<Record<string, unknown>>;
  }[];
}

const skopeoRaw = async (reference: string): Promise<Index> => {
  const { stdout } = await mustRun('skopeo', [
    'inspect',
    '--raw',
    '--tls-verify=false',
    `docker://${reference}`,
  ]);
  return JSON.parse(stdout) as Index;
};

const copyAll = (reference: string, folder: string): Promise<unknown> =>
  mustRun('skopeo', [
    'copy',
    '-q',
    '--all',
    '--src-tls-verify=false',
    `docker://${reference}`,
    `oci:${scratch.join(folder)}:x`,
  ]);

describe('images that are here', () => {
  test('go out with the list, though none of them was pushed before', async () => {
    const list = `${registry.address}/team/app:1`;
    const { stdout } = await machine.lade('manifest', 'create', list, 'made/amd:1', 'made/arm:1');
    expect(stdout).toBe(`Created manifest list ${list}\n`);
    const again = await machine.tryLade(['manifest', 'create', list, 'made/z:1']);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('refusing to amend an existing manifest list with no --amend flag');
    await machine.lade('manifest', 'create', '--amend', list, 'made/z:1');
    await machine.lade('manifest', 'annotate', '--variant', 'v8', '--os-version', '1.2', list, 'made/arm:1');
    const own = JSON.parse((await machine.lade('manifest', 'inspect', list)).stdout) as Index;
    expect((await machine.lade('manifest', 'ls')).stdout).toBe(`${list}\n`);
    const pushed = (await machine.lade('manifest', 'push', list)).stdout;
    const raw = await skopeoRaw(list);
    expect(raw).toEqual(own);
    expect(raw.manifests.map(({ platform }) => platform)).toEqual([
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64', variant: 'v8', 'os.version': '1.2' },
      { os: 'linux', architecture: 's390x' },
    ]);
    const { stdout: digest } = await mustRun('skopeo', [
      'inspect',
      '--tls-verify=false',
      '--format={{.Digest}}',
      `docker://${list}`,
    ]);
    expect(pushed.trim().split('\n').at(-1)).toBe(digest.trim());
    await copyAll(list, 'layout');
  });

  test('stay in the list when they are removed, and go with it', async () => {
    const list = `${registry.address}/team/kept:1`;
    await machine.lade('tag', 'made/z:1', 'other/z:1');
    await machine.lade('manifest', 'create', list, 'other/z:1');
    await machine.lade('rmi', 'other/z:1', 'made/z:1');
    await machine.lade('manifest', 'push', '--purge', list);
    await copyAll(list, 'kept');
    const gone = await machine.tryLade(['manifest', 'push', list]);
    expect(gone.code).toBe(1);
    expect(gone.stderr).toContain('No such manifest list');
  });
});

describe('artifacts', () => {
  test('from a registry and from here are entries without a platform', async () => {
    const layout = scratch.join('artifact');
    mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
    const put = (text: string, mediaType: string) => {
      const hex = createHash('sha256').update(text).digest('hex');
      writeFileSync(join(layout, 'blobs/sha256', hex), text);
      return { mediaType, digest: `sha256:${hex}`, size: text.length };
    };
    const manifest = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      artifactType: 'application/x-chart',
      config: put('{}', 'application/vnd.oci.empty.v1+json'),
      layers: [put('a chart', 'text/plain')],
    };
    const described = put(JSON.stringify(manifest), manifest.mediaType);
    const annotations = { 'org.opencontainers.image.ref.name': 'x' };
    const index = { schemaVersion: 2, manifests: [{ ...described, annotations }] };
    writeFileSync(join(layout, 'index.json'), JSON.stringify(index));
    writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    const name = `${registry.address}/made/chart:1`;
    await mustRun('skopeo', ['copy', '-q', '--dest-tls-verify=false', `oci:${layout}:x`, `docker://${name}`]);
    for (const [list, pulled] of [
      [`${registry.address}/made/charts:1`, false],
      [`${second.address}/made/charts:1`, true],
    ] as const) {
      if (pulled) await machine.lade('pull', '-q', name);
      await machine.lade('manifest', 'create', list, name, 'made/amd:1');
      await machine.lade('manifest', 'push', '-p', list);
      const [chart, amd] = (await skopeoRaw(list)).manifests;
      expect(chart).toEqual({ ...described, artifactType: 'application/x-chart' });
      expect(amd).toMatchObject({ platform: { os: 'linux', architecture: 'amd64' } });
      const at = list.slice(0, list.lastIndexOf(':'));
      expect(await skopeoRaw(`${at}@${described.digest}`)).toEqual(manifest);
    }
  });
});

describe('images in registries', () => {
  test('are mounted from another repository, and copied from another registry', async () => {
    const amd = `${registry.address}/parts/amd:1`;
    const arm = `${second.address}/parts/arm:1`;
    await machine.lade('tag', 'made/amd:1', amd);
    await machine.lade('tag', 'made/arm:1', arm);
    await machine.lade('push', '-q', amd);
    await machine.lade('push', '-q', arm);
    await machine.lade('rmi', '-f', amd, arm, 'made/amd:1', 'made/arm:1');
    const list = `${registry.address}/team/remote:1`;
    await machine.lade('manifest', 'create', list, amd, arm);
    const { stdout } = await machine.lade('manifest', 'push', list);
    expect(stdout).toContain('Mounted from parts/amd');
    await copyAll(list, 'remote');
    expect((await skopeoRaw(list)).manifests.map(({ platform }) => platform['architecture'])).toEqual([
      'amd64',
      'arm64',
    ]);
    const nested = await machine.tryLade(['manifest', 'create', `${registry.address}/team/nested:1`, list]);
    expect(nested.stderr).toContain('is a manifest list');
  });

  test('can be looked at: with their parts, one of a list, and as docker shows them', async () => {
    const list = `${registry.address}/team/remote:1`;
    const verbose = JSON.parse((await machine.lade('manifest', 'inspect', '-v', list)).stdout) as readonly {
      readonly Ref: string;
      readonly Descriptor: { readonly digest: string };
    }[];
    expect(verbose).toHaveLength(2);
    const [first] = verbose;
    const one = await machine.lade('manifest', 'inspect', list, first?.Ref ?? '');
    expect(JSON.parse(one.stdout)).toMatchObject({ schemaVersion: 2, config: {}, layers: [{}] });
    await machine.lade('manifest', 'rm', list);
    const env = { ...process.env, DOCKER_CLI_EXPERIMENTAL: 'enabled' };
    const theirs = await mustRun('docker', ['manifest', 'inspect', '--insecure', list], { env });
    const ours = await machine.lade('manifest', 'inspect', list);
    expect(JSON.parse(ours.stdout)).toEqual(JSON.parse(theirs.stdout));
    const absent = await machine.tryLade(['manifest', 'inspect', `${registry.address}/no/such:1`]);
    expect(absent.code).toBe(1);
  });
});
