/** podman, buildah and skopeo against Lade's registry. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { blobsIn, DOORS, startClientSite, type Client, type ClientSite } from './support/registry-clients.ts';

interface Index {
  readonly manifests: readonly { readonly digest: string; readonly platform?: object }[];
}

describe.each(DOORS)('over %s', (door) => {
  let site: ClientSite;
  let app: string;
  beforeAll(async () => {
    site = await startClientSite(door);
    app = `${site.address}/team/app`;
  });
  afterAll(() => site?.[Symbol.asyncDispose]());

  /** Logs in as everybody does; before, nothing can be read. */
  const logIn = async (client: Client, program: string, refused: readonly string[]): Promise<void> => {
    const { user } = site;
    if (user === undefined) return;
    const strange = await client.attempt(program, refused);
    expect([strange.code === 0, strange.stderr]).toEqual([false, expect.stringMatching(/auth|denied/i)]);
    const login = ['login', '-u', user.name, '--password-stdin', site.address];
    const wrong = await client.attempt(program, login, { input: 'wrong' });
    expect([wrong.code === 0, wrong.stderr]).toEqual([
      false,
      expect.stringContaining('invalid username/password'),
    ]);
    const right = await client.attempt(program, login, { input: user.password });
    expect([right.code, right.stdout]).toEqual([0, 'Login Succeeded!\n']);
  };

  describe('skopeo', () => {
    let client: Client;
    const skopeo = (...args: readonly string[]): Promise<string> => client.run('skopeo', ...args);
    beforeAll(async () => {
      client = site.client('skopeo');
      await logIn(client, 'skopeo', ['list-tags', `docker://${app}`]);
    });

    test('copies an index there and back, byte for byte', async () => {
      await skopeo('copy', '-q', '--all', `oci:${site.image.layout}:1`, `docker://${app}:v1`);
      const raw = await skopeo('inspect', '--raw', `docker://${app}:v1`);
      const hex = site.image.digest.slice(7);
      expect(raw).toBe(readFileSync(`${site.image.layout}/blobs/sha256/${hex}`, 'utf8'));
      await skopeo(
        'copy',
        '-q',
        '--all',
        '--preserve-digests',
        `docker://${app}@${site.image.digest}`,
        'oci:back',
      );
      expect(blobsIn(client.scratch.join('back'))).toEqual(site.image.blobs);
      const amd = JSON.parse(await skopeo('inspect', `docker://${app}:v1`)) as object;
      expect(amd).toMatchObject({ Name: app, RepoTags: ['v1'], Architecture: 'amd64' });
    });

    test("sends Docker's formats too", async () => {
      const from = `oci:${site.image.layout}:1`;
      await skopeo(
        'copy',
        '-q',
        '--all',
        '--format',
        'v2s2',
        from,
        `docker://${site.address}/team/docker:v1`,
      );
      const raw = await skopeo('inspect', '--raw', `docker://${site.address}/team/docker:v1`);
      expect(raw).toContain('application/vnd.docker.distribution.manifest.list.v2+json');
      await skopeo(
        'copy',
        '-q',
        '--all',
        '--preserve-digests',
        `docker://${site.address}/team/docker:v1`,
        'dir:list',
      );
      const old = await client.attempt('skopeo', [
        'copy',
        '-q',
        '--format',
        'v2s1',
        from,
        `docker://${app}:old`,
      ]);
      expect([old.code, old.stderr]).toEqual([1, expect.stringContaining('schema 1')]);
    });

    test('mirrors repositories out and in', async () => {
      await skopeo(
        'sync',
        '--all',
        '--scoped',
        '--src',
        'docker',
        '--dest',
        'dir',
        app,
        client.scratch.join('out'),
      );
      const from = client.scratch.join('out', site.address, 'team');
      expect(readdirSync(from)).toEqual(['app:v1']);
      await skopeo('sync', '--all', '--src', 'dir', '--dest', 'docker', from, `${site.address}/synced`);
      const synced = await site.judge(`${site.address}/synced/app:v1`);
      expect(synced).toEqual({ digest: site.image.digest, blobs: site.image.blobs });
    });

    test('lists tags and deletes', async () => {
      const copy = `docker://${site.address}/team/gone:v1`;
      await skopeo('copy', '-q', '--all', `docker://${app}:v1`, copy);
      const listed = JSON.parse(await skopeo('list-tags', `docker://${site.address}/team/gone`)) as object;
      expect(listed).toMatchObject({ Tags: ['v1'] });
      await skopeo('delete', copy);
      const { code, stderr } = await client.attempt('skopeo', ['inspect', copy]);
      expect([code, stderr]).toEqual([1, expect.stringMatching(/manifest unknown|name unknown/)]);
      await skopeo('inspect', `docker://${app}:v1`);
    });
  });

  describe('podman', () => {
    let client: Client;
    let storage: readonly string[];
    const podman = (...args: readonly string[]): Promise<string> => client.run('podman', ...storage, ...args);
    beforeAll(async () => {
      client = site.client('podman');
      const roots = ['--root', client.scratch.join('root'), '--runroot', client.scratch.join('run')];
      storage = [
        ...roots,
        '--storage-driver',
        'vfs',
        '--cgroup-manager',
        'cgroupfs',
        '--events-backend',
        'none',
      ];
      await logIn(client, 'podman', [...storage, 'pull', '-q', `${app}:v1`]);
    });

    test('pulls, pushes, removes and pulls again', async () => {
      const id = (await podman('pull', '-q', `${app}:v1`)).trim();
      await podman('push', '-q', id, `${app}:podman`);
      await podman('push', '-q', '--compression-format', 'zstd', id, `${app}:zstd`);
      await podman('rmi', '-f', id);
      expect((await podman('pull', '-q', `${app}:podman`)).trim()).toBe(id);
      const again = (await podman('pull', '-q', `${app}:zstd`)).trim();
      const config = JSON.parse(await podman('inspect', again)) as { Architecture: string }[];
      expect(config[0]?.Architecture).toBe('amd64');
      const mounted = (await podman('image', 'mount', id)).trim();
      expect(readFileSync(`${mounted}/arch`, 'utf8')).toBe('amd64\n');
      await podman('image', 'umount', id);
    });

    test('makes a list of platforms, pushes it and searches', async () => {
      await podman('manifest', 'create', 'list');
      await podman('manifest', 'add', '--all', 'list', `docker://${app}@${site.image.digest}`);
      await podman('manifest', 'push', '--all', 'list', `docker://${app}:list`);
      const there = JSON.parse(await podman('manifest', 'inspect', `${app}:list`)) as Index;
      expect(there.manifests.map(({ platform }) => platform)).toMatchObject([
        { architecture: 'amd64' },
        { architecture: 'arm64' },
      ]);
      const tags = JSON.parse(await podman('search', '--list-tags', '--format', 'json', app)) as object;
      expect(tags).toEqual([{ Name: app, Tags: ['list', 'podman', 'v1', 'zstd'] }]);
      const arm = (await podman('pull', '-q', '--arch', 'arm64', `${app}:list`)).trim();
      expect(await podman('inspect', '-f', '{{.Architecture}}', arm)).toBe('arm64\n');
    });
  });

  describe('buildah', () => {
    let client: Client;
    let storage: readonly string[];
    const buildah = async (...args: readonly string[]): Promise<string> =>
      (await client.run('buildah', ...storage, ...args)).trim();
    beforeAll(async () => {
      client = site.client('buildah');
      const roots = ['--root', client.scratch.join('root'), '--runroot', client.scratch.join('run')];
      storage = [...roots, '--storage-driver', 'vfs'];
      await logIn(client, 'buildah', [...storage, 'pull', '-q', `${app}:v1`]);
    });

    test('builds on an image of the registry, pushes and pulls', async () => {
      const { scratch } = client;
      writeFileSync(
        scratch.join('Containerfile'),
        `FROM ${app}:v1\nCOPY word /word\nRUN ["/bin/cat", "/word"]\n`,
      );
      writeFileSync(scratch.join('word'), 'spoken');
      await buildah('build', '-q', '--isolation', 'chroot', '-t', 'built', scratch.path);
      await buildah('push', '-q', '--digestfile', scratch.join('digest'), 'built', `docker://${app}:built`);
      const digest = readFileSync(scratch.join('digest'), 'utf8');
      expect((await site.judge(`${app}:built`)).digest).toBe(digest);
      await buildah('rmi', '-a', '-f');
      const working = await buildah('from', `${app}@${digest}`);
      const mounted = await buildah('mount', working);
      expect(readFileSync(`${mounted}/word`, 'utf8')).toBe('spoken');
      await buildah('rm', working);
    });

    test('commits straight into the registry, and pushes a list', async () => {
      const working = await buildah('from', 'scratch');
      await buildah('copy', working, client.scratch.join('word'), '/word');
      await buildah('commit', '-q', working, `docker://${app}:committed`);
      await buildah('manifest', 'create', 'list', `docker://${app}:committed`);
      await buildah('manifest', 'add', '--all', 'list', `docker://${app}:v1`);
      await buildah('manifest', 'push', '--all', 'list', `docker://${app}:three`);
      const list = JSON.parse(await buildah('manifest', 'inspect', `${app}:three`)) as Index;
      expect(list.manifests).toHaveLength(3);
      await site.judge(`${app}:three`);
    });
  });
});
