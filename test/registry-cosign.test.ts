/** cosign against Lade's registry: signatures and attestations as referrers, and under tags as older clients keep them. */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mustRun } from './support/process.ts';
import {
  DOORS,
  fromSid,
  startClientSite,
  withoutSid,
  type Client,
  type ClientSite,
} from './support/registry-clients.ts';

const COSIGN = fromSid('bin/cosign');
const missing = withoutSid('bin/cosign');

const NO_SERVICES = ['fulcio', 'rekor', 'tsa'].map((name) => `--no-default-${name}`);

describe.skipIf(missing !== '').each(DOORS)(`cosign over %s${missing}`, (door) => {
  let site: ClientSite;
  let client: Client;
  let image: string;
  let plain: readonly string[];
  const cosign = (...args: readonly string[]): Promise<string> => client.run(COSIGN, ...args, ...plain);
  /** Without a transparency log: nothing leaves the machine. */
  const verify = ['--key', 'cosign.pub', '--insecure-ignore-tlog=true', '--trusted-root', 'root.json'];
  const sign = ['--yes', '--key', 'cosign.key', '--trusted-root', 'root.json'];
  const offline = ['--signing-config', 'services.json'];
  const push = async (repository: string): Promise<void> => {
    const { user } = site;
    const credentials = user === undefined ? [] : ['--dest-creds', `${user.name}:${user.password}`];
    const to = `docker://${site.address}/${repository}:v1`;
    await client.run('skopeo', 'copy', '-q', '--all', ...credentials, `oci:${site.image.layout}:1`, to);
  };
  const tags = async (name: string): Promise<readonly string[]> => {
    const { user } = site;
    const credentials = user === undefined ? [] : ['--creds', `${user.name}:${user.password}`];
    const repository = `docker://${site.address}/${name}`;
    return (
      JSON.parse(await client.run('skopeo', 'list-tags', ...credentials, repository)) as { Tags: string[] }
    ).Tags;
  };

  beforeAll(async () => {
    site = await startClientSite(door);
    client = site.client('cosign');
    client.env['COSIGN_PASSWORD'] = 'key';
    plain = door === 'plain HTTP' ? ['--allow-http-registry'] : [];
    image = `${site.address}/team/app@${site.image.digest}`;
    await push('team/app');
    await mustRun(COSIGN, ['generate-key-pair'], { cwd: client.scratch.path, env: client.env });
    const none = ['create', ...NO_SERVICES, '--out'];
    await client.run(COSIGN, 'signing-config', ...none, 'services.json', '--no-default-oidc');
    await client.run(COSIGN, 'trusted-root', ...none, 'root.json', '--no-default-ctfe');
    const { user } = site;
    if (user === undefined) return;
    const strange = await client.attempt(COSIGN, ['sign', ...sign, ...offline, image]);
    expect([strange.code, strange.stderr]).toEqual([1, expect.stringMatching(/unauthorized/i)]);
    await client.run(COSIGN, 'login', site.address, '-u', user.name, '-p', user.password);
  });
  afterAll(() => site?.[Symbol.asyncDispose]());

  test('what is not signed is not verified', async () => {
    const { code, stderr } = await client.attempt(COSIGN, ['verify', ...verify, ...plain, image]);
    expect([code === 0, stderr]).toEqual([false, expect.stringContaining('no signatures found')]);
  });

  test('signs and attests by the referrers API, and verifies both', async () => {
    await cosign('sign', ...sign, ...offline, '-a', 'by=referrers', image);
    const signed = JSON.parse(await cosign('verify', ...verify, image)) as {
      critical: { image: Record<string, string> };
    }[];
    expect(signed[0]?.critical.image['docker-manifest-digest']).toBe(site.image.digest);
    writeFileSync(client.scratch.join('predicate.json'), '{"made":"here"}');
    await cosign('attest', ...sign, ...offline, '--predicate', 'predicate.json', image);
    const attested = await cosign('verify-attestation', ...verify, image);
    const { payload } = JSON.parse(attested) as { payload: string };
    expect(Buffer.from(payload, 'base64').toString()).toContain('made\\":\\"here');
    expect(await cosign('tree', image)).toContain('via OCI referrer');
    // Nothing was kept under a tag: the registry said that it knows referrers.
    expect(await tags('team/app')).toEqual(['v1']);
  });

  test('another key does not verify', async () => {
    await client.run(COSIGN, 'generate-key-pair', '--output-key-prefix', 'other');
    const other = verify.map((word) => word.replace('cosign.pub', 'other.pub'));
    const { code } = await client.attempt(COSIGN, ['verify', ...other, ...plain, image]);
    expect(code).not.toBe(0);
  });

  test('keeps signatures under tags where it is told to, as older ones do, and moves them with the image', async () => {
    const old = `${site.address}/team/old@${site.image.digest}`;
    await push('team/old');
    const legacy = ['--new-bundle-format=false', '--use-signing-config=false', '--tlog-upload=false'];
    await cosign('sign', '--yes', '--key', 'cosign.key', ...legacy, '--registry-referrers-mode=legacy', old);
    expect(await tags('team/old')).toEqual([`${site.image.digest.replace(':', '-')}.sig`, 'v1']);
    const check = [
      'verify',
      '--key',
      'cosign.pub',
      '--insecure-ignore-tlog=true',
      '--new-bundle-format=false',
    ];
    expect(JSON.parse(await cosign(...check, old))).toHaveLength(1);
    await cosign('save', '--dir', 'saved', old);
    await cosign('load', '--dir', 'saved', `${site.address}/team/loaded:v1`);
    expect((await site.judge(`${site.address}/team/loaded:v1`)).blobs).toEqual(site.image.blobs);
    const loaded = await cosign(...check, `${site.address}/team/loaded@${site.image.digest}`);
    expect(JSON.parse(loaded)).toHaveLength(1);
  });

  test('cleans up', async () => {
    await cosign('clean', '--force', '--type', 'all', `${site.address}/team/old@${site.image.digest}`);
    expect(await tags('team/old')).toEqual(['v1']);
  });
});
