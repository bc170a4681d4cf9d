/** oras against Lade's registry: artifacts, referrers, and everything else that is no image. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  blobsIn,
  DOORS,
  fromSid,
  startClientSite,
  withoutSid,
  type Client,
  type ClientSite,
} from './support/registry-clients.ts';

const ORAS = fromSid('bin/oras');
const missing = withoutSid('bin/oras');

interface Descriptor {
  readonly digest: string;
  readonly mediaType: string;
  readonly artifactType?: string;
}

interface Discovered extends Descriptor {
  readonly referrers?: readonly Discovered[];
}

describe.skipIf(missing !== '').each(DOORS)(`oras over %s${missing}`, (door) => {
  let site: ClientSite;
  let client: Client;
  let docs: string;
  let app: string;
  let plain: readonly string[];
  const oras = async (...args: readonly string[]): Promise<string> =>
    (await client.run(ORAS, ...args, ...plain)).trim();
  const json = async <T>(...args: readonly string[]): Promise<T> =>
    JSON.parse(await oras(...args, '--format', 'json')) as T;
  const file = (name: string, content: string | Buffer): string => {
    writeFileSync(client.scratch.join(name), content);
    return name;
  };

  beforeAll(async () => {
    site = await startClientSite(door);
    client = site.client('oras');
    plain = door === 'plain HTTP' ? ['--plain-http'] : [];
    docs = `${site.address}/team/docs`;
    app = `${site.address}/team/app`;
  });
  afterAll(() => site?.[Symbol.asyncDispose]());

  test('logs in, pushes files and pulls them back', async () => {
    const { user } = site;
    const large = Buffer.alloc(3_000_000, 'oras');
    file('readme.md', '# Read me\n');
    file('large.bin', large);
    const push = ['push', `${docs}:1,latest`, 'readme.md:text/markdown', 'large.bin', '--no-tty'];
    if (user !== undefined) {
      const strange = await client.attempt(ORAS, push);
      expect([strange.code, strange.stderr]).toEqual([1, expect.stringMatching(/basic credential|401/)]);
      const login = ['login', site.address, '-u', user.name, '--password-stdin'];
      const wrong = await client.attempt(ORAS, login, { input: 'wrong' });
      expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('unauthorized')]);
      expect(await client.attempt(ORAS, login, { input: user.password })).toMatchObject({ code: 0 });
    }
    await oras(...push, '--artifact-type', 'application/vnd.example.docs', '-a', 'k=v');
    const manifest = JSON.parse(await oras('manifest', 'fetch', `${docs}:latest`)) as object;
    expect(manifest).toMatchObject({ artifactType: 'application/vnd.example.docs', annotations: { k: 'v' } });
    const target = client.scratch.join('pulled');
    await oras('pull', `${docs}:1`, '-o', target, '--no-tty');
    expect(readFileSync(`${target}/readme.md`, 'utf8')).toBe('# Read me\n');
    expect(readFileSync(`${target}/large.bin`).equals(large)).toBe(true);
  });

  test('attaches to an image, to an attachment and to an index, and discovers all of it', async () => {
    const layout = `${site.image.layout}:1`;
    const from = ['copy', '-r', '--from-oci-layout', layout, `${app}:v1`, '--no-tty'];
    await client.run(ORAS, ...from, ...plain.map((flag) => flag.replace('--', '--to-')));
    expect(await oras('resolve', `${app}:v1`)).toBe(site.image.digest);
    const attach = (type: string, subject: string, name: string) =>
      json<{ digest?: string; reference: string }>(
        'attach',
        subject,
        file(name, name),
        '--artifact-type',
        type,
      );
    const sbom = await attach('application/vnd.example.sbom', `${app}:v1`, 'sbom.json');
    await attach('application/vnd.example.scan', `${app}:v1`, 'scan.json');
    const nested = sbom.reference;
    await attach('application/vnd.example.signature', nested, 'signature');
    const all = await json<Discovered>('discover', `${app}:v1`);
    expect(all.digest).toBe(site.image.digest);
    const kinds = (found: Discovered): unknown =>
      found.referrers?.map((one) => [one.artifactType?.split('.').at(-1), kinds(one) ?? []]);
    expect(kinds(all)).toEqual(
      expect.arrayContaining([
        ['sbom', [['signature', expect.anything()]]],
        ['scan', expect.anything()],
      ]),
    );
    const few = await json<Discovered>(
      'discover',
      `${app}:v1`,
      '--artifact-type',
      'application/vnd.example.scan',
    );
    expect(few.referrers).toHaveLength(1);
    // Not the tag that stands for referrers where a registry does not know them.
    expect((await oras('repo', 'tags', app)).split('\n')).toEqual(['v1']);
  });

  test('copies with everything attached to another repository', async () => {
    const to = `${site.address}/mirror/app`;
    const both = plain.flatMap((flag) => [flag.replace('--', '--from-'), flag.replace('--', '--to-')]);
    await client.run(ORAS, 'copy', '-r', `${app}:v1`, `${to}:v1`, '--no-tty', ...both);
    const there = await json<Discovered>('discover', `${to}:v1`);
    expect(there.referrers).toHaveLength(2);
    expect(await site.judge(`${to}:v1`)).toEqual({ digest: site.image.digest, blobs: site.image.blobs });
    const local = client.scratch.join('local');
    mkdirSync(local);
    const back = ['copy', `${to}:v1`, '--to-oci-layout', `${local}:1`, '--no-tty'];
    await client.run(ORAS, ...back, ...plain.map((flag) => flag.replace('--', '--from-')));
    expect(blobsIn(local)).toEqual(site.image.blobs);
  });

  test('lists, tags, and works on single manifests and blobs', async () => {
    expect((await oras('repo', 'ls', site.address)).split('\n')).toEqual([
      'mirror/app',
      'team/app',
      'team/docs',
    ]);
    await oras('tag', `${docs}:1`, 'two', 'three');
    expect((await oras('repo', 'tags', docs)).split('\n')).toEqual(['1', 'latest', 'three', 'two']);
    await oras('blob', 'push', docs, file('blob', 'some bytes'));
    const digest = 'sha256:' + (await client.run('sha256sum', 'blob')).slice(0, 64);
    expect(await oras('blob', 'fetch', `${docs}@${digest}`, '--output', '-')).toBe('some bytes');
    await oras('blob', 'delete', '--force', `${docs}@${digest}`);
    const gone = await client.attempt(ORAS, ['blob', 'fetch', `${docs}@${digest}`, '-o', '-', ...plain]);
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringMatching(/not found|BLOB_UNKNOWN/)]);
    const manifest = await oras('manifest', 'fetch', `${docs}:1`);
    await oras('manifest', 'push', `${docs}:again`, file('manifest.json', manifest));
    expect(await oras('resolve', `${docs}:again`)).toBe(await oras('resolve', `${docs}:1`));
    await oras('manifest', 'index', 'create', `${docs}:index`, 'two', 'again');
    expect(JSON.parse(await oras('manifest', 'fetch', `${docs}:index`))).toHaveProperty('manifests');
  });

  test('deletes a manifest, and what was attached to it can no longer be discovered', async () => {
    const subject = await oras('resolve', `${app}:v1`);
    const found = await json<Discovered>(
      'discover',
      `${app}:v1`,
      '--artifact-type',
      'application/vnd.example.scan',
    );
    await oras('manifest', 'delete', '--force', `${app}@${found.referrers?.[0]?.digest ?? ''}`);
    const left = await json<Discovered>('discover', `${app}@${subject}`);
    expect(left.referrers?.map(({ artifactType }) => artifactType)).toEqual(['application/vnd.example.sbom']);
  });
});
