/** Where results of builds go; skopeo, umoci, GNU tar, Debian's dockerd with BuildKit and docker-registry judge. */
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDockerd, type Dockerd } from './bench/dockerd.ts';
import { LADE, busyboxArchive, startRegistry, type Machine } from './support/lade.ts';
import { mustRun, run } from './support/process.ts';
import { raw, startRegistryBench, type RegistryBench } from './support/registry-bench.ts';
import type { Scratch } from './support/scratch.ts';

const DOCKER = 'docker';
/** Debian's command line has BuildKit in it; newer ones want a plugin. */
const OLD_DOCKER = '/usr/bin/docker';

let bench: RegistryBench;
let scratch: Scratch;
let machine: Machine;
let dockerd: Dockerd | undefined;

beforeAll(async () => {
  bench = await startRegistryBench();
  ({ scratch, machine } = bench);
  dockerd = await startDockerd(scratch.child('dd'), { ownNetwork: true });
  if (dockerd !== undefined) bench.stack.use(dockerd);
});
afterAll(() => bench?.[Symbol.asyncDispose]());

const FILES = `FROM test/busybox AS files
RUN mkdir -p /out/deep/er /out/empty && echo hello > /out/deep/hello && chmod 640 /out/deep/hello \\
 && chown 12:34 /out/deep/hello && ln -s deep/hello /out/soft && ln /out/deep/hello /out/hard \\
 && chmod 1777 /out/empty && printf '#!' > /out/deep/er/run && chmod 4755 /out/deep/er/run \\
 && find /out -exec touch -h -d '2020-01-02 03:04:05' {} +
FROM scratch
COPY --from=files /out /
`;

const contextOf = (name: string, dockerfile: string): string => {
  const context = scratch.child(name);
  writeFileSync(context.join('Dockerfile'), dockerfile);
  writeFileSync(context.join('hello'), 'hello\n');
  return context.path;
};

/** Everything below a directory but times of directories, which differ where a builder makes them anew. */
const listing = async (path: string): Promise<string> => {
  const script =
    'find . -mindepth 1 -printf "%P %y %m %U:%G %l\\n" | sort; find . -type f -printf "%P %T@ %n\\n" | sort';
  return (await mustRun('sh', ['-c', script], { cwd: path })).stdout;
};

describe('files', () => {
  test('in a directory and in a tar are those that BuildKit writes', async (t) => {
    const context = contextOf('files', FILES);
    const local = scratch.join('local');
    const tar = scratch.join('out.tar');
    // Without it, nothing on top of scratch is younger than 1970.
    const epoch = ['--build-arg', 'SOURCE_DATE_EPOCH=1700000000'];
    await machine.lade('build', ...epoch, '-o', local, '-o', `type=tar,dest=${tar}`, context);
    const unpacked = scratch.join('unpacked');
    mkdirSync(unpacked);
    await mustRun('tar', ['-xpf', tar, '--numeric-owner', '-C', unpacked]);
    expect(await listing(unpacked)).toBe(await listing(local));
    expect(readFileSync(`${local}/soft`, 'utf8')).toBe('hello\n');
    if (dockerd === undefined || !existsSync(OLD_DOCKER)) {
      t.skip('dockerd of Debian’s docker.io is not installed, and only it can judge its own BuildKit');
      return;
    }
    const env = { ...process.env, DOCKER_HOST: dockerd.host, DOCKER_BUILDKIT: '1' };
    const docker = (...args: string[]) => mustRun(OLD_DOCKER, args, { env });
    await docker('import', await busyboxArchive(scratch), 'test/busybox');
    const theirs = scratch.join('theirs');
    await docker('build', '-o', `type=tar,dest=${scratch.join('theirs.tar')}`, context);
    mkdirSync(theirs);
    await mustRun('tar', ['-xpf', scratch.join('theirs.tar'), '--numeric-owner', '-C', theirs]);
    expect(await listing(local)).toBe(await listing(theirs));
  });

  test('go to stdout with a dash', async () => {
    const context = contextOf('stdout', 'FROM scratch\nCOPY hello /\n');
    const script = `"$0" build -q -o - ${context} | tar -tf -`;
    const listed = await mustRun('sh', ['-c', script, LADE], {
      env: { ...process.env, LADE_HOST: `unix://${machine.socket}` },
    });
    expect(listed.stdout).toBe('hello\n');
  });

  test('never leave the directory, whatever is in their way', async () => {
    const outside = scratch.child('outside');
    const local = scratch.child('guarded');
    writeFileSync(outside.join('kept'), 'kept');
    for (const name of ['deep', 'soft', 'empty']) symlinkSync(outside.path, local.join(name));
    symlinkSync(outside.join('kept'), local.join('hard'));
    await machine.lade('build', '-o', local.path, contextOf('guard', FILES));
    expect(readdirSync(outside.path)).toEqual(['kept']);
    expect(readFileSync(outside.join('kept'), 'utf8')).toBe('kept');
    expect(readFileSync(local.join('hard'), 'utf8')).toBe('hello\n');
  });

  test('replace what else is there with mode=delete only', async () => {
    const context = contextOf('mode', 'FROM scratch\nCOPY hello /d/\n');
    const local = scratch.child('mode-out');
    mkdirSync(local.join('d'));
    for (const name of ['old', 'd/old']) writeFileSync(local.join(name), '');
    await machine.lade('build', '-o', local.path, context);
    expect(readdirSync(local.path)).toEqual(['d', 'old']);
    await machine.lade('build', '-o', `type=local,dest=${local.path},mode=delete`, context);
    expect(readdirSync(local.path)).toEqual(['d']);
    expect(readdirSync(local.join('d'))).toEqual(['hello']);
  });

  test('leave no image', async () => {
    const context = contextOf('noimage', 'FROM scratch\nCOPY hello /no-image\n');
    const before = (await machine.docker('images', '-aq')).stdout;
    await machine.lade(
      'build',
      '-t',
      'noimage',
      '-o',
      'type=cacheonly',
      '-o',
      scratch.join('noimage-out'),
      context,
    );
    await machine.lade(
      'build',
      '-t',
      'noimage',
      '-o',
      `type=oci,dest=${scratch.join('noimage.tar')}`,
      context,
    );
    expect((await machine.docker('images', '-aq')).stdout).toBe(before);
  });
});

describe('archives', () => {
  test('of OCI are read by skopeo and umoci, as a tar and as a directory that keeps what it has', async () => {
    const context = contextOf('oci', FILES);
    const tar = scratch.join('oci.tar');
    const layout = scratch.join('layout');
    await machine.lade('build', '-t', 'team/oci:v1', '-o', `type=oci,dest=${tar}`, context);
    const inspected = await mustRun('skopeo', ['inspect', `oci-archive:${tar}`]);
    expect(JSON.parse(inspected.stdout)).toMatchObject({ Architecture: 'amd64' });
    await machine.lade('build', '-t', 'team/oci:one', '-o', `type=oci,tar=false,dest=${layout}`, context);
    const other = contextOf('oci2', 'FROM scratch\nCOPY hello /other\n');
    await machine.lade('build', '-t', 'team/oci:two', '-o', `type=oci,tar=false,dest=${layout}`, other);
    await mustRun('umoci', ['raw', 'unpack', '--image', `${layout}:one`, `${layout}-one`]);
    await mustRun('umoci', ['raw', 'unpack', '--image', `${layout}:two`, `${layout}-two`]);
    expect(readdirSync(`${layout}-two`)).toEqual(['other']);
    expect(readdirSync(`${layout}-one`)).toContain('hard');
  });

  test.each(['gzip', 'zstd', 'uncompressed'])('have layers as asked for: %s', async (compression) => {
    const context = contextOf(`as-${compression}`, 'FROM scratch\nCOPY hello /\n');
    const layout = scratch.join(`${compression}-layout`);
    const output = `type=oci,tar=false,dest=${layout},compression=${compression}`;
    await machine.lade('build', '-t', 'a:b', '-o', output, context);
    const manifest = JSON.parse(
      (await mustRun('skopeo', ['inspect', '--raw', `oci:${layout}:b`])).stdout,
    ) as {
      layers: { mediaType: string; digest: string }[];
    };
    const type = { gzip: 'tar+gzip', zstd: 'tar+zstd', uncompressed: 'tar' }[compression] ?? '';
    expect(manifest.layers.map(({ mediaType }) => mediaType)).toEqual([
      `application/vnd.oci.image.layer.v1.${type}`,
    ]);
    await mustRun('skopeo', ['copy', `oci:${layout}:b`, `dir:${layout}-dir`]);
  });

  test('of several platforms carry annotations of what leads to the index', async () => {
    const layout = scratch.join('annotated');
    const output = `type=oci,tar=false,dest=${layout},annotation-index-descriptor.Where=Top,annotation.In=All`;
    const context = contextOf('annotated', 'FROM scratch\nCOPY hello /\n');
    await machine.lade(
      'build',
      '-t',
      'a:both',
      '--platform',
      'linux/amd64,linux/arm64',
      '-o',
      output,
      context,
    );
    const index = JSON.parse(readFileSync(`${layout}/index.json`, 'utf8')) as {
      manifests: { annotations: object; mediaType: string }[];
    };
    expect(index.manifests).toMatchObject([
      {
        mediaType: 'application/vnd.oci.image.index.v1+json',
        annotations: { Where: 'Top', 'org.opencontainers.image.ref.name': 'both' },
      },
    ]);
    const arm = await mustRun('skopeo', ['inspect', '--raw', '--override-arch=arm64', `oci:${layout}:both`]);
    expect(JSON.parse(arm.stdout)).toMatchObject({
      manifests: [{ platform: { architecture: 'amd64' } }, {}],
    });
    await mustRun('skopeo', ['copy', '--all', `oci:${layout}:both`, `dir:${layout}-dir`]);
  });

  test('of Docker are loaded by dockerd and by Lade', async (t) => {
    const context = contextOf('docker-archive', FILES);
    const tar = scratch.join('docker.tar');
    await machine.lade('build', '-t', 'team/loaded:v1', '-o', `type=docker,dest=${tar}`, context);
    expect((await machine.docker('images', '-q', 'team/loaded')).stdout).toBe('');
    await machine.lade('load', '-i', tar);
    const id = (await machine.docker('images', '-q', '--no-trunc', 'team/loaded:v1')).stdout;
    expect(id).toMatch(/^sha256:/);
    if (dockerd === undefined) {
      t.skip('dockerd is not installed, and only it can judge what it loads');
      return;
    }
    const env = { ...process.env, DOCKER_HOST: dockerd.host };
    await mustRun(DOCKER, ['load', '-i', tar], { env });
    expect((await mustRun(DOCKER, ['images', '-q', '--no-trunc', 'team/loaded:v1'], { env })).stdout).toBe(
      id,
    );
  });

  test('are refused by name where an option or a place is none', async () => {
    const context = contextOf('refused', 'FROM scratch\nCOPY hello /\n');
    const tries: readonly (readonly [string, string])[] = [
      ['type=oci,dest=x,compression=estargz', 'compression=estargz'],
      ['type=oci,dest=x,wrong=1', '"wrong"'],
      [`type=tar,dest=${scratch.path}`, 'it is a directory'],
      [`type=local,dest=${context}/Dockerfile`, `cannot write the output to ${context}/Dockerfile`],
    ];
    for (const [output, message] of tries) {
      const failed = await machine.tryLade(['build', '-o', output, context]);
      expect(failed.code, output).not.toBe(0);
      expect(failed.stderr).toContain(message);
    }
  });
});

describe('registries', () => {
  test('get every name, in the form asked for; the image stays here', async () => {
    const context = contextOf('pushed', FILES);
    const [one, two] = [`${bench.plain.address}/team/one:v1`, `${bench.plain.address}/team/two:v2`];
    const output = `type=image,"name=${one},${two}",push=true,oci-mediatypes=false`;
    const metadata = scratch.join('pushed.json');
    await machine.lade('build', '-o', output, '--metadata-file', metadata, context);
    const manifests = await Promise.all([one, two].map((name) => raw(name)));
    expect(manifests[0]).toBe(manifests[1]);
    expect(JSON.parse(manifests[0] ?? '')).toMatchObject({
      mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    });
    const told = JSON.parse(readFileSync(metadata, 'utf8')) as Record<string, unknown>;
    const sum = (await mustRun('sha256sum', ['-'], { input: manifests[0] })).stdout.split(' ')[0];
    expect(told['containerimage.digest']).toBe(`sha256:${sum}`);
    expect(told['image.name']).toBe(`${one},${two}`);
    expect((await machine.docker('images', '-q', one)).stdout).not.toBe('');
  });

  test('get the annotations of the last build under a name, and none when it had none', async () => {
    const context = contextOf('renoted', 'FROM scratch\nCOPY hello /renoted\n');
    const name = `${bench.plain.address}/team/renoted:v1`;
    const annotations = async (): Promise<unknown> =>
      (JSON.parse(await raw(name)) as { annotations?: unknown }).annotations;
    await machine.lade('build', '-t', name, '--annotation', 'a=b', '--push', context);
    expect(await annotations()).toEqual({ a: 'b' });
    await machine.lade('build', '-t', name, '--push', context);
    expect(await annotations()).toBeUndefined();
    await machine.lade('build', '-t', name, '--annotation', 'c=d', '--push', context);
    expect(await annotations()).toEqual({ c: 'd' });
  });

  test('that cannot be reached are named, and the image is kept', async () => {
    const name = 'localhost:9/team/app:v1';
    const failed = await machine.tryLade([
      'build',
      '-t',
      name,
      '--push',
      contextOf('unreached', 'FROM scratch\nCOPY hello /\n'),
    ]);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain(`cannot push ${name} to localhost:9`);
    expect((await machine.docker('images', '-q', name)).stdout).not.toBe('');
  });
});

interface Statement {
  readonly _type: string;
  readonly subject: readonly { readonly name: string; readonly digest: { readonly sha256: string } }[];
  readonly predicateType: string;
  readonly predicate: Record<string, unknown>;
}

interface ReferrerIndex {
  readonly manifests: readonly {
    readonly digest: string;
    readonly artifactType: string;
    readonly annotations?: Record<string, string>;
  }[];
}

describe('statements about an image', () => {
  const DOCKERFILE = `FROM test/busybox
ARG WORD
RUN --mount=type=secret,id=token cat /run/secrets/token > /dev/null; mkdir -p /var/lib/dpkg /lib/apk/db /app/node_modules/left \\
 && printf 'Package: bash\\nStatus: install ok installed\\nArchitecture: amd64\\nVersion: 5.2-1\\n\\nPackage: gone\\nStatus: deinstall ok config-files\\nVersion: 1\\n' > /var/lib/dpkg/status \\
 && printf 'P:musl\\nV:1.2-r1\\nA:x86_64\\nL:MIT\\n\\n' > /lib/apk/db/installed \\
 && echo '{"name":"left","version":"1.3.0","license":"WTFPL"}' > /app/node_modules/left/package.json
`;

  const blobOf = async (address: string, repository: string, digest: string): Promise<string> =>
    (await fetch(`http://${address}/v2/${repository}/blobs/${digest}`)).text();

  /** The statements that refer to a manifest, by the registry's own list of them. */
  const statementsOf = async (
    address: string,
    repository: string,
    digest: string,
  ): Promise<readonly Statement[]> => {
    const answer = await fetch(`http://${address}/v2/${repository}/referrers/${digest}`);
    const { manifests } = (await answer.json()) as ReferrerIndex;
    return Promise.all(
      manifests.map(async (one) => {
        expect(one.artifactType).toBe('application/vnd.in-toto+json');
        const manifest = JSON.parse(await raw(`${address}/${repository}@${one.digest}`)) as {
          subject: { digest: string };
          layers: { digest: string }[];
        };
        expect(manifest.subject.digest).toBe(digest);
        return JSON.parse(await blobOf(address, repository, manifest.layers[0]?.digest ?? '')) as Statement;
      }),
    );
  };

  test('are pushed as referrers, say what is in it and how it came to be, and tell no secret', async () => {
    await using registry = await startRegistry(scratch.join('statements'));
    const name = `${registry.address}/team/stated:v1`;
    const token = scratch.join('token');
    writeFileSync(token, 'hunter2-hunter2');
    const args = [
      '--provenance=mode=max',
      '--sbom=true',
      '--build-arg',
      'WORD=hunter2-hunter2',
      '--secret',
      `id=token,src=${token}`,
    ];
    await machine.lade('build', '-t', name, '--push', ...args, contextOf('stated', DOCKERFILE));
    const manifest = await raw(name);
    const digest = `sha256:${(await mustRun('sha256sum', ['-'], { input: manifest })).stdout.split(' ')[0]}`;
    const statements = await statementsOf(registry.address, 'team/stated', digest);
    expect(statements.map(({ predicateType }) => predicateType).toSorted()).toEqual([
      'https://slsa.dev/provenance/v1',
      'https://spdx.dev/Document',
    ]);
    for (const { _type, subject } of statements) {
      expect(_type).toBe('https://in-toto.io/Statement/v1');
      expect(subject).toEqual([
        {
          name: `pkg:docker/${encodeURIComponent(registry.address)}/team/stated@v1?platform=linux%2Famd64`,
          digest: { sha256: digest.slice(7) },
        },
      ]);
    }
    const text = JSON.stringify(statements);
    expect(text).not.toContain('hunter2');
    for (const url of [
      'pkg:deb/debian/bash@5.2-1?arch=amd64',
      'pkg:apk/alpine/musl@1.2-r1?arch=x86_64',
      'pkg:npm/left@1.3.0',
    ])
      expect(text).toContain(url);
    expect(text).not.toContain('/gone@');
    const provenance = statements.find(({ predicateType }) => predicateType.includes('slsa'))?.predicate;
    expect(provenance).toMatchObject({
      buildDefinition: {
        externalParameters: { request: { args: { 'build-arg:WORD': '***' }, secrets: [{ id: 'token' }] } },
        resolvedDependencies: [
          { uri: expect.stringMatching(/^pkg:docker\/test\/busybox@latest\?/) as string },
        ],
      },
    });
  });

  test('are neither listed nor chosen, and come along where everything is pulled', async () => {
    const name = `${bench.plain.address}/team/hidden:v1`;
    await machine.lade(
      'build',
      '-t',
      name,
      '--push',
      '--sbom=true',
      '--provenance=mode=min',
      contextOf(
        'hidden',
        DOCKERFILE.replace(/^RUN --mount=type=secret,id=token cat .run.secrets.token > .dev.null;/m, 'RUN'),
      ),
    );
    const rows = await machine.docker('images', '-a', '-q', `${bench.plain.address}/team/hidden`);
    expect(rows.stdout.trim().split('\n')).toHaveLength(1);
    const fresh = await bench.freshMachine('unlisted');
    await fresh.docker('pull', name);
    expect((await fresh.docker('images', '-aq')).stdout.trim().split('\n')).toHaveLength(1);
    await fresh.lade('pull', '--all-platforms', name);
    expect((await fresh.docker('images', '-aq')).stdout.trim().split('\n')).toHaveLength(1);
  });

  test('are made only when they are asked for', async () => {
    const name = `${bench.plain.address}/team/silent:v1`;
    await machine.lade(
      'build',
      '-t',
      name,
      '--push',
      '--provenance=false',
      contextOf('silent', 'FROM scratch\nCOPY hello /silent\n'),
    );
    const digest = (await mustRun('sha256sum', ['-'], { input: await raw(name) })).stdout.split(' ')[0] ?? '';
    const fallback = await run('skopeo', [
      'inspect',
      '--raw',
      '--tls-verify=false',
      `docker://${bench.plain.address}/team/silent:sha256-${digest}`,
    ]);
    expect(fallback.code).not.toBe(0);
  });
});
