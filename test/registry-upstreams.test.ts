/** Other registries served through Lade's, with real clients in front and Debian's docker-registry behind. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDockerd } from './bench/dockerd.ts';
import { startDockerRegistry, type DockerRegistry } from './support/docker-registry.ts';
import { startGate } from './support/gate.ts';
import { busyboxArchive, LADE, startRegistry, type RegistryService } from './support/lade.ts';
import { mustRun, run } from './support/process.ts';
import { fromSid, withoutSid } from './support/registry-clients.ts';
import { createScratch, type Scratch } from './support/scratch.ts';

const noDockerd = withoutSid('sbin/dockerd', 'bin/containerd');
const SECRET = 'pw-of-the-upstream';

let scratch: Scratch;
let stack: AsyncDisposableStack;
let upstream: DockerRegistry;
let registry: RegistryService;
let socket: string;
let digest: string;

const skopeo = async (...args: readonly string[]): Promise<string> =>
  (await mustRun('skopeo', args)).stdout.trim();

const raw = (address: string, more: readonly string[] = []): Promise<string> =>
  skopeo('inspect', '--raw', '--tls-verify=false', ...more, `docker://${address}`);

interface Status {
  readonly prefix: string;
  readonly hits: number;
  readonly misses: number;
  readonly stale: number;
  readonly cached: { readonly manifests: number; readonly bytes: number };
}

const status = async (): Promise<readonly Status[]> => {
  const { stdout } = await mustRun(LADE, ['registry', 'upstream', 'ls', '--json', '--registry', socket]);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Status);
};

beforeAll(async () => {
  scratch = createScratch();
  stack = new AsyncDisposableStack();
  stack.defer(() => scratch[Symbol.dispose]());
  upstream = stack.use(await startDockerRegistry(scratch, 'upstream', { users: { ann: SECRET } }));
  const archive = await busyboxArchive(scratch);
  const rootfs = `oci:${scratch.join('layout')}:latest`;
  await mustRun('sh', [
    '-ec',
    `cd ${scratch.path}; umoci init --layout layout; umoci new --image layout:latest
     umoci raw add-layer --image layout:latest ${archive}
     umoci config --image layout:latest --config.cmd /bin/sh --architecture amd64 --os linux`,
  ]);
  for (const name of ['library/busybox', 'team/app'])
    await skopeo(
      'copy',
      '-q',
      '--dest-tls-verify=false',
      '--dest-creds',
      `ann:${SECRET}`,
      rootfs,
      `docker://${upstream.address}/${name}:latest`,
    );
  digest = await skopeo(
    'inspect',
    '--format',
    '{{.Digest}}',
    '--tls-verify=false',
    '--creds',
    `ann:${SECRET}`,
    `docker://${upstream.address}/team/app:latest`,
  );
  writeFileSync(scratch.join('secret'), `${SECRET}\n`);
  writeFileSync(
    scratch.join('registry.yaml'),
    `upstreams:
  - prefix: docker.io
    url: http://${upstream.address}
    fallback: true
    username: ann
    password: { file: ${scratch.join('secret')} }
    tagTtl: 0
    allowPrivate: true
  - prefix: refused
    url: http://${upstream.address}
`,
  );
  registry = stack.use(
    await startRegistry(scratch.join('registry'), '--config', scratch.join('registry.yaml')),
  );
  socket = `unix://${scratch.join('registry', 'registry.sock')}`;
});
afterAll(() => stack?.disposeAsync());

test('skopeo pulls what the upstream has, byte for byte; the secret is nowhere to be seen', async () => {
  const address = registry.address.replace('localhost', '127.0.0.1');
  const wanted = await raw(`${upstream.address}/team/app:latest`, ['--creds', `ann:${SECRET}`]);
  expect(await raw(`${address}/docker.io/team/app:latest`)).toBe(wanted);
  const layout = scratch.join('pulled');
  const from = `docker://${address}/docker.io/team/app:latest`;
  await skopeo('copy', '-q', '--preserve-digests', '--src-tls-verify=false', from, `oci:${layout}:1`);
  expect(readFileSync(`${layout}/index.json`, 'utf8')).toContain(digest);
  const tags = await skopeo('list-tags', '--tls-verify=false', `docker://${address}/docker.io/team/app`);
  expect(JSON.parse(tags)).toMatchObject({ Tags: ['latest'] });

  const refused = await fetch(`http://${address}/v2/refused/team/app/manifests/latest`);
  expect(refused.status).toBe(503);
  expect(await refused.text()).toContain('may not connect');

  const seen = [
    registry.service.stderr(),
    (await mustRun(LADE, ['registry', 'audit', '--json', '--registry', socket])).stdout,
    (await mustRun(LADE, ['registry', 'upstream', 'ls', '--json', '--registry', socket])).stdout,
    (await mustRun(LADE, ['registry', 'config', 'print', '--config', scratch.join('registry.yaml')])).stdout,
    (await mustRun('ps', ['-o', 'args', '-p', String(registry.service.child.pid)])).stdout,
  ].join('\n');
  expect(seen).not.toContain(SECRET);
  expect((await status())[0]).toMatchObject({ prefix: 'docker.io', cached: { manifests: 1 } });
});

test.skipIf(noDockerd !== '').each(['containerd image store', 'graph drivers'])(
  `dockerd with %s pulls through it as its mirror${noDockerd}`,
  async (store) => {
    const home = scratch.child(store.slice(0, 5));
    mkdirSync(home.join('xdg'));
    const features = { 'containerd-snapshotter': store.startsWith('containerd') };
    const driver = features['containerd-snapshotter'] ? {} : { 'storage-driver': 'vfs' };
    const mirror = `http://${registry.address.replace('localhost', '127.0.0.1')}`;
    writeFileSync(
      home.join('daemon.json'),
      JSON.stringify({ features, ...driver, 'registry-mirrors': [mirror] }),
    );
    const before = (await status())[0]?.misses ?? 0;
    await using daemon = await startDockerd(home, {
      program: fromSid('sbin/dockerd'),
      path: fromSid('bin'),
      args: [
        '--config-file',
        home.join('daemon.json'),
        '--bridge=none',
        '--iptables=false',
        '--ip6tables=false',
      ],
      env: { HOME: home.path, XDG_RUNTIME_DIR: home.join('xdg') },
    });
    if (daemon === undefined) throw new Error('dockerd did not start');
    const pulled = await mustRun('docker', ['-H', daemon.host, 'pull', 'busybox']);
    expect(pulled.stdout).toContain('docker.io/library/busybox:latest');
    const shown = await mustRun('docker', ['-H', daemon.host, 'image', 'inspect', 'busybox']);
    expect(shown.stdout).toContain(digest);
    expect((await status())[0]?.misses).toBeGreaterThan(before);
  },
);

test('a fetch that SIGKILL ended is begun again, and nothing half is served', async () => {
  await using gate = await startGate(upstream.address);
  const root = scratch.join('killed');
  writeFileSync(
    scratch.join('gate.yaml'),
    `upstreams:
  - { prefix: up, url: 'http://${gate.address}', username: ann, password: ${SECRET}, allowPrivate: true }
`,
  );
  const flags = ['--config', scratch.join('gate.yaml')];
  const name = 'up/team/app';
  const manifest = JSON.parse(
    await raw(`${upstream.address}/team/app:latest`, ['--creds', `ann:${SECRET}`]),
  ) as { layers: { digest: string; size: number }[] };
  const { digest: layer = '', size = 0 } = manifest.layers[0] ?? {};
  const blobAt = (address: string): string => `http://${address}/v2/${name}/blobs/${layer}`;
  {
    await using first = await startRegistry(root, ...flags);
    gate.hold(layer, Math.floor(size / 2));
    const cut = fetch(blobAt(first.address)).then((response) => response.arrayBuffer());
    cut.catch(() => undefined);
    await gate.held();
    await first.service.kill('SIGKILL');
    await expect(cut).rejects.toThrow();
  }
  gate.open();
  await using second = await startRegistry(root, ...flags);
  const whole = Buffer.from(await (await fetch(blobAt(second.address))).arrayBuffer());
  expect(`sha256:${createHash('sha256').update(whole).digest('hex')}`).toBe(layer);
  const checked = await run(LADE, ['registry', 'check', '--registry', `unix://${root}/registry.sock`]);
  expect([checked.code, checked.stderr]).toEqual([0, '']);
});

describe('when the upstream is gone', () => {
  beforeAll(() => upstream[Symbol.asyncDispose]());

  test('what was pulled is still served, and refresh says that it could not ask', async () => {
    const address = registry.address.replace('localhost', '127.0.0.1');
    const layout = scratch.join('again');
    const from = `docker://${address}/docker.io/team/app:latest`;
    await skopeo('copy', '-q', '--preserve-digests', '--src-tls-verify=false', from, `oci:${layout}:1`);
    expect(readFileSync(`${layout}/index.json`, 'utf8')).toContain(digest);
    expect((await status())[0]?.stale).toBeGreaterThan(0);
    const refresh = ['registry', 'upstream', 'refresh', '--registry', socket, 'docker.io/team/app'];
    const refreshed = await run(LADE, refresh);
    expect([refreshed.code, refreshed.stdout]).toEqual([
      1,
      expect.stringContaining(`latest stays at ${digest}`),
    ]);
  });
});
