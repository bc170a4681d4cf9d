/** crane against Lade's registry. */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mustRun } from './support/process.ts';
import {
  blobsIn,
  DOORS,
  fromSid,
  startClientSite,
  withoutSid,
  type Client,
  type ClientSite,
} from './support/registry-clients.ts';

const CRANE = fromSid('bin/crane');
const missing = withoutSid('bin/crane');

describe.skipIf(missing !== '').each(DOORS)(`crane over %s${missing}`, (door) => {
  let site: ClientSite;
  let client: Client;
  let app: string;
  const crane = async (...args: readonly string[]): Promise<string> =>
    (await client.run(CRANE, ...args)).trim();
  const lines = async (...args: readonly string[]): Promise<readonly string[]> =>
    (await crane(...args)).split('\n');
  const archive = async (name: string): Promise<string> => {
    const file = client.scratch.join(`${name}.tar`);
    writeFileSync(client.scratch.join(name), name);
    await mustRun('tar', ['-cf', file, '-C', client.scratch.path, name]);
    return file;
  };

  beforeAll(async () => {
    site = await startClientSite(door);
    client = site.client('crane');
    app = `${site.address}/team/app`;
  });
  afterAll(() => site?.[Symbol.asyncDispose]());

  test('pushes an index, and pulls the same bytes back', async () => {
    const { image, user } = site;
    if (user !== undefined) {
      const strange = await client.attempt(CRANE, ['push', '--index', image.layout, `${app}:1`]);
      expect([strange.code, strange.stderr]).toEqual([1, expect.stringMatching(/401 Unauthorized/)]);
      await crane('auth', 'login', site.address, '-u', user.name, '-p', user.password);
    }
    await crane('push', '--index', image.layout, `${app}:1`);
    // crane makes an index of the layout's own index.json around what is in it.
    const [inner] = (JSON.parse(await crane('manifest', `${app}:1`)) as { manifests: { digest: string }[] })
      .manifests;
    expect(inner?.digest).toBe(image.digest);
    await crane('tag', `${app}@${image.digest}`, 'v1');
    expect(await crane('digest', `${app}:v1`)).toBe(image.digest);
    const pulled = client.scratch.join('pulled');
    await crane('pull', '--format', 'oci', `${app}:v1`, pulled);
    expect(blobsIn(pulled)).toEqual(image.blobs);
    expect(await site.judge(`${app}:v1`)).toEqual({ digest: image.digest, blobs: image.blobs });
  });

  test('chooses a platform, reads configurations, blobs and files', async () => {
    const arm = await crane('digest', '--platform', 'linux/arm64', `${app}:v1`);
    const amd = await crane('digest', '--platform', 'linux/amd64', `${app}:v1`);
    expect(arm).not.toBe(amd);
    const manifest = JSON.parse(await crane('manifest', `${app}@${arm}`)) as {
      layers: { digest: string; size: number }[];
    };
    expect(manifest.layers).toHaveLength(3);
    expect(JSON.parse(await crane('config', `${app}@${arm}`))).toMatchObject({ architecture: 'arm64' });
    const script = `"$0" blob "$1" | sha256sum`;
    const layer = manifest.layers[1]?.digest ?? '';
    expect(await client.run('sh', '-ec', script, CRANE, `${app}@${layer}`)).toBe(`${layer.slice(7)}  -\n`);
    const read = `"$0" export --platform linux/arm64 "$1" - | tar -xOf - arch`;
    expect(await client.run('sh', '-ec', read, CRANE, `${app}:v1`)).toBe('arm64\n');
    await crane('validate', '--remote', `${app}:v1`);
  });

  test('lists repositories and tags, and copies between repositories', async () => {
    await crane('copy', `${app}:v1`, `${site.address}/other/copy:v1`);
    expect(await crane('digest', `${site.address}/other/copy:v1`)).toBe(site.image.digest);
    expect(await lines('catalog', site.address)).toEqual(['other/copy', 'team/app']);
    expect(await lines('ls', app)).toEqual(['1', 'v1']);
    await crane('validate', '--remote', `${site.address}/other/copy:v1`);
  });

  test('appends, mutates, flattens and rebases', async () => {
    const base = `${app}@${await crane('digest', '--platform', 'linux/amd64', `${app}:v1`)}`;
    await crane('append', '-b', base, '-f', await archive('more'), '-t', `${app}:more`);
    await crane('mutate', `${app}:more`, '-l', 'a=b', '-t', `${app}:labelled`);
    const config = JSON.parse(await crane('config', `${app}:labelled`)) as {
      config: unknown;
      rootfs: { diff_ids: string[] };
    };
    expect(config.config).toMatchObject({ Labels: { a: 'b' } });
    expect(config.rootfs.diff_ids).toHaveLength(4);
    await crane('flatten', `${app}:labelled`, '-t', `${app}:flat`);
    const flat = JSON.parse(await crane('manifest', `${app}:flat`)) as { layers: unknown[] };
    expect(flat.layers).toHaveLength(1);
    await crane('validate', '--remote', `${app}:flat`);
    await crane('index', 'filter', `${app}:v1`, '--platform', 'linux/arm64', '-t', `${app}:arm`);
    await crane('validate', '--remote', `${app}:arm`);
    expect(await lines('ls', app)).toEqual(['1', 'arm', 'flat', 'labelled', 'more', 'v1']);
  });

  test('deletes', async () => {
    await crane('delete', `${app}@${await crane('digest', `${app}:flat`)}`);
    const gone = await client.attempt(CRANE, ['manifest', `${app}:flat`]);
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining('MANIFEST_UNKNOWN')]);
    expect(await lines('ls', app)).not.toContain('flat');
    const absent = await client.attempt(CRANE, ['ls', `${site.address}/no/such`]);
    expect([absent.code, absent.stderr]).toEqual([1, expect.stringContaining('NAME_UNKNOWN')]);
  });
});
