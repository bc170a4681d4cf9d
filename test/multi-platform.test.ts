/** Builds for several platforms with the real program; skopeo, Debian's docker-registry and umoci judge. */
import { readdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRegistry, type Machine } from './support/lade.ts';
import { mustRun } from './support/process.ts';
import { raw, startRegistryBench, type RegistryBench } from './support/registry-bench.ts';
import type { Scratch } from './support/scratch.ts';

let bench: RegistryBench;
let scratch: Scratch;
let machine: Machine;

beforeAll(async () => {
  bench = await startRegistryBench();
  ({ scratch, machine } = bench);
});
afterAll(() => bench?.[Symbol.asyncDispose]());

const CROSS = `FROM --platform=$BUILDPLATFORM test/busybox AS build
RUN echo common >> /common
ARG TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT BUILDPLATFORM
RUN echo "$TARGETPLATFORM $TARGETOS $TARGETARCH/$TARGETVARIANT on $BUILDPLATFORM" > /own
FROM scratch
COPY --from=build /common /own /
LABEL kind=cross
CMD ["/own"]
`;

/** Makes a context with this Dockerfile. */
const contextOf = (name: string, dockerfile: string): string => {
  const context = scratch.child(name);
  writeFileSync(context.join('Dockerfile'), dockerfile);
  writeFileSync(context.join('hello'), 'hello\n');
  return context.path;
};

interface Index {
  readonly mediaType: string;
  readonly annotations?: Record<string, string>;
  readonly manifests: readonly {
    readonly digest: string;
    readonly mediaType: string;
    readonly annotations?: Record<string, string>;
    readonly platform: { readonly architecture: string; readonly os: string; readonly variant?: string };
  }[];
}

const platformsOf = (index: Index): readonly string[] =>
  index.manifests.map(({ platform: { os, architecture, variant } }) =>
    [os, architecture, variant].filter(Boolean).join('/'),
  );

describe('an index', () => {
  const platforms = 'linux/amd64,linux/arm64,linux/arm/v7';

  test('of a cross build is pushed whole, and each image has the files of its platform', async () => {
    const name = `${bench.plain.address}/team/cross:v1`;
    const context = contextOf('cross', CROSS);
    const metadata = scratch.join('cross.json');
    const iidfile = scratch.join('cross.iid');
    const args = [
      '-t',
      name,
      '--platform',
      platforms,
      '--push',
      '--metadata-file',
      metadata,
      '--iidfile',
      iidfile,
    ];
    const built = await machine.lade('build', '--progress=plain', ...args, context);
    expect(built.stderr.match(/echo common/g)).toHaveLength(1);
    const index = JSON.parse(await raw(name)) as Index;
    expect(platformsOf(index)).toEqual(platforms.split(','));
    const told = JSON.parse((await mustRun('cat', [metadata])).stdout) as Record<string, unknown>;
    const digest = (await mustRun('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${name}`]))
      .stdout;
    const sum = (await mustRun('sha256sum', ['-'], { input: digest })).stdout.split(' ')[0];
    expect(told).toMatchObject({ 'containerimage.digest': `sha256:${sum}`, 'image.name': name });
    expect((await mustRun('cat', [iidfile])).stdout).toBe(`sha256:${sum}`);
    for (const [platform, text] of [
      ['amd64', 'linux/amd64 linux amd64/ on linux/amd64\n'],
      ['arm', 'linux/arm/v7 linux arm/v7 on linux/amd64\n'],
    ] as const) {
      const layout = scratch.join(`cross-${platform}`);
      const variant = platform === 'arm' ? ['--override-variant=v7'] : [];
      const source = ['copy', '--src-tls-verify=false', `--override-arch=${platform}`, ...variant];
      await mustRun('skopeo', [
        ...source.slice(2),
        ...source.slice(0, 2),
        `docker://${name}`,
        `oci:${layout}:x`,
      ]);
      await mustRun('umoci', ['raw', 'unpack', '--image', `${layout}:x`, `${layout}-root`]);
      expect((await mustRun('cat', [`${layout}-root/own`])).stdout).toBe(text);
    }
  });

  test('is one row of the list, runs here, and answers for each platform', async () => {
    const rows = (await machine.docker('images', '-q', '--no-trunc', `${bench.plain.address}/team/cross`))
      .stdout;
    expect(rows.trim().split('\n')).toHaveLength(1);
    expect((await machine.docker('images', '-f', 'dangling=true', '-q')).stdout).toBe('');
    const name = `${bench.plain.address}/team/cross:v1`;
    const show = async (platform: string): Promise<string> =>
      (await machine.lade('image', 'inspect', '--platform', platform, '-f', '{{.Architecture}}', name))
        .stdout;
    expect(await show('linux/arm/v7')).toBe('arm\n');
    expect(await show('linux/arm64')).toBe('arm64\n');
    const digest = (await mustRun('cat', [scratch.join('cross.iid')])).stdout;
    const byDigest = await machine.lade(
      'image',
      'inspect',
      '--platform',
      'linux/arm64',
      '-f',
      '{{.Architecture}}',
      digest,
    );
    expect(byDigest.stdout).toBe('arm64\n');
  });

  test('comes back with all platforms from the own registry', async () => {
    await using registry = await startRegistry(scratch.join('own-registry'));
    const name = `${registry.address}/own/cross:v1`;
    await machine.lade('build', '-t', name, '--platform', platforms, '--push', contextOf('own', CROSS));
    const fresh = await bench.freshMachine('fresh');
    await fresh.lade('pull', '--all-platforms', name);
    const show = await fresh.lade(
      'image',
      'inspect',
      '--platform',
      'linux/arm64',
      '-f',
      '{{.Architecture}}',
      name,
    );
    expect(show.stdout).toBe('arm64\n');
  });

  test('carries annotations at every level', async () => {
    const name = `${bench.plain.address}/team/noted:v1`;
    const notes = [
      'a=manifest',
      'index:b=index',
      'manifest-descriptor:c=descriptor',
      'manifest[linux/arm64]:d=only arm',
    ].flatMap((note) => ['--annotation', note]);
    const context = contextOf('noted', 'FROM scratch\nCOPY hello /\n');
    await machine.lade(
      'build',
      '-t',
      name,
      '--platform',
      'linux/amd64,linux/arm64',
      ...notes,
      '--push',
      context,
    );
    const index = JSON.parse(await raw(name)) as Index;
    expect(index.annotations).toEqual({ b: 'index' });
    expect(index.manifests.map(({ annotations }) => annotations)).toEqual([
      { c: 'descriptor' },
      { c: 'descriptor' },
    ]);
    const [amd, arm] = await Promise.all(
      index.manifests.map(
        async ({ digest }) => JSON.parse(await raw(`${bench.plain.address}/team/noted@${digest}`)) as Index,
      ),
    );
    expect(amd?.annotations).toEqual({ a: 'manifest' });
    expect(arm?.annotations).toEqual({ a: 'manifest', d: 'only arm' });
  });
});

describe('a base image for several platforms', () => {
  const both = 'linux/amd64,linux/arm64';

  test('gives each platform its own layers, from a registry and from the store', async () => {
    const base = `${bench.plain.address}/team/base:v1`;
    const dockerfile = 'FROM scratch\nARG TARGETARCH\nCOPY hello /$TARGETARCH\n';
    await machine.lade('build', '-t', base, '--platform', both, '--push', contextOf('base', dockerfile));
    const context = contextOf('onbase', `FROM ${base}\nCOPY hello /own\n`);
    const fresh = await bench.freshMachine('onbase-daemon');
    for (const [at, where] of [
      [machine, 'here'],
      [fresh, 'pulled'],
    ] as const) {
      const out = scratch.join(`onbase-${where}`);
      await at.lade('build', '--platform', both, '-o', out, context);
      expect(readdirSync(`${out}/linux_amd64`)).toEqual(['amd64', 'own']);
      expect(readdirSync(`${out}/linux_arm64`)).toEqual(['arm64', 'own']);
    }
    // The name of the base means the image for this machine, whichever was pulled last.
    await fresh.lade('build', '--platform', 'linux/arm64', '--pull', '-o', 'type=cacheonly', context);
    expect((await fresh.docker('image', 'inspect', '-f', '{{.Architecture}}', base)).stdout).toBe('amd64\n');
  });

  test('that lacks one says which platform is missing', async () => {
    const base = `${bench.plain.address}/team/base:v1`;
    const context = contextOf('lacking', `FROM ${base}\nCOPY hello /own\n`);
    const fresh = await bench.freshMachine('lacking-daemon');
    const failed = await fresh.tryLade(['build', '--platform', 'linux/amd64,linux/s390x', context]);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain('linux/s390x');
    expect((await fresh.docker('images', '-aq')).stdout).not.toContain('own');
  });
});

describe('one platform', () => {
  test('that is not the own one needs no emulation where nothing runs', async () => {
    const context = contextOf('foreign', 'FROM scratch\nCOPY hello /\nENV A=b\nWORKDIR /w\n');
    await machine.lade('build', '-t', 'foreign', '--platform', 'linux/s390x', context);
    const shown = await machine.docker('image', 'inspect', '-f', '{{.Os}}/{{.Architecture}}', 'foreign');
    expect(shown.stdout).toBe('linux/s390x\n');
  });

  test('that does not exist, and annotations of an index that there is not, are refused', async () => {
    const context = contextOf('refused', 'FROM scratch\nCOPY hello /\n');
    const unknown = await machine.tryLade(['build', '--platform', 'linux/amd46', context]);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain('there is no platform linux/amd46');
    const stray = await machine.tryLade(['build', '-t', 'x', '--annotation', 'index:a=b', context]);
    expect(stray.code).toBe(1);
    expect(stray.stderr).toContain('an image for one platform has none');
  });
});
