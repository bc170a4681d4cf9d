/** containerd's ctr against Lade's registry, with a containerd of its own. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mustRun, startService } from './support/process.ts';
import {
  blobsIn,
  DOORS,
  fromSid,
  startClientSite,
  withoutSid,
  type Client,
  type ClientSite,
} from './support/registry-clients.ts';

const CTR = fromSid('bin/ctr');
const missing = withoutSid('bin/ctr', 'bin/containerd');

describe.skipIf(missing !== '').each(DOORS)(`ctr over %s${missing}`, (door) => {
  let site: ClientSite;
  let client: Client;
  let app: string;
  let socket: string;
  let access: readonly string[];
  const ctr = (...args: readonly string[]): Promise<string> => client.run(CTR, '-a', socket, ...args);
  const images = (verb: string, ...args: readonly string[]): Promise<string> =>
    ctr('images', verb, ...access, ...args);

  const removeAll = async (): Promise<void> => {
    const names = (await ctr('images', 'ls', '-q')).trim().split('\n');
    await ctr('images', 'rm', '--sync', ...names);
  };

  /** How the hosts directory describes a registry. */
  const writeHosts = (): string => {
    const folder = client.scratch.join('hosts', site.address.replace(':', '_'), '_');
    mkdirSync(folder.slice(0, -2), { recursive: true });
    const scheme = site.ca === undefined ? 'http' : 'https';
    const ca = site.ca === undefined ? '' : `ca = "${site.ca}"\n`;
    const host = `[host."${scheme}://${site.address}"]\ncapabilities = ["pull", "resolve", "push"]\n${ca}`;
    writeFileSync(`${folder.slice(0, -2)}/hosts.toml`, `server = "${scheme}://${site.address}"\n${host}`);
    return client.scratch.join('hosts');
  };

  beforeAll(async () => {
    site = await startClientSite(door);
    client = site.client('ctr');
    const { scratch } = client;
    app = `${site.address}/team/app`;
    socket = scratch.join('c.sock');
    const config = `version = 3
root = "${scratch.join('root')}"
state = "${scratch.join('state')}"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images"]
[grpc]
  address = "${socket}"
[ttrpc]
  address = "${socket}.ttrpc"
`;
    writeFileSync(scratch.join('config.toml'), config);
    // It says nothing on standard output; a first answer shows that it is ready.
    const script = `"$0" -c "$1" -l error & pid=$!; trap 'kill $pid; wait $pid' TERM
      until "$2" -a "$3" version > /dev/null 2>&1; do sleep 0.1; done; echo ready; wait $pid`;
    const args = ['-c', script, fromSid('bin/containerd'), scratch.join('config.toml'), CTR, socket];
    site.stack.use(
      await startService('sh', args, { ...client.env, PATH: `${fromSid('bin')}:${client.env['PATH']}` }),
    );
    const user = site.user === undefined ? [] : ['--user', `${site.user.name}:${site.user.password}`];
    access = ['--hosts-dir', writeHosts(), ...user];
    const tar = scratch.join('image.tar');
    await mustRun('tar', ['-cf', tar, '-C', site.image.layout, '.']);
    await ctr('images', 'import', '--all-platforms', '--no-unpack', '--index-name', `${app}:v1`, tar);
  });
  afterAll(() => site?.[Symbol.asyncDispose]());

  test('pushes, removes, pulls everything back and exports it', async () => {
    if (site.user !== undefined) {
      const strange = await client.attempt(CTR, [
        '-a',
        socket,
        'images',
        'push',
        ...access.slice(0, 2),
        `${app}:v1`,
      ]);
      expect([strange.code, strange.stderr]).toEqual([1, expect.stringMatching(/401|authorization/)]);
    }
    await images('push', `${app}:v1`);
    // What was imported is the layout's own index around the image's.
    expect((await site.judge(`${app}@${site.image.digest}`)).blobs).toEqual(site.image.blobs);
    await removeAll();
    expect((await ctr('content', 'ls', '-q')).trim()).toBe('');
    await images('pull', '--all-platforms', '--snapshotter', 'native', `${app}:v1`);
    const held = (await ctr('content', 'ls', '-q')).trim().split('\n');
    expect(held).toEqual(expect.arrayContaining(site.image.blobs.map((hex) => `sha256:${hex}`)));
    const out = client.scratch.join('out');
    mkdirSync(out);
    await ctr('images', 'export', '--all-platforms', '--skip-manifest-json', `${out}.tar`, `${app}:v1`);
    await mustRun('tar', ['-xf', `${out}.tar`, '-C', out]);
    expect(blobsIn(out)).toEqual(expect.arrayContaining([...site.image.blobs]));
  });

  test('pushes and pulls by the client too, without the transfer service', async () => {
    const other = `${site.address}/other/local:v1`;
    await ctr('images', 'tag', `${app}:v1`, other);
    await images('push', '--local', other);
    await removeAll();
    await images('pull', '--local', '--platform', 'linux/arm64', '--snapshotter', 'native', other);
    const mounted = client.scratch.join('mounted');
    mkdirSync(mounted);
    await ctr('images', 'mount', '--snapshotter', 'native', '--platform', 'linux/arm64', other, mounted);
    try {
      expect(await client.run('cat', `${mounted}/arch`)).toBe('arm64\n');
    } finally {
      await mustRun('umount', [mounted]);
    }
  });
});
