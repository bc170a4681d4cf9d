/** The docker command, buildx and Lade's own command line against Lade's registry, and a real dockerd. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDockerd } from './bench/dockerd.ts';
import { startMachine, type Machine } from './support/lade.ts';
import { run } from './support/process.ts';
import { DOORS, fromSid, startClientSite, withoutSid, type ClientSite } from './support/registry-clients.ts';

const BUILDX = 'libexec/docker/cli-plugins/docker-buildx';
const noBuildx = withoutSid(BUILDX);
const noDockerd = withoutSid('sbin/dockerd', 'bin/containerd');

interface Index {
  readonly manifests: readonly { readonly digest: string; readonly platform?: object }[];
}

describe.each(DOORS)('over %s', (door) => {
  let site: ClientSite;
  let machine: Machine;
  let app: string;
  let configFolder: string;
  const docker = async (...args: readonly string[]): Promise<string> =>
    (await machine.docker(...args)).stdout.trim();

  beforeAll(async () => {
    site = await startClientSite(door);
    const { scratch, ca } = site;
    app = `${site.address}/team/app`;
    writeFileSync(
      scratch.join('registries.yaml'),
      ca === undefined ? '' : `registries: { "${site.address}": { ca: ${ca} } }\n`,
    );
    const env = { LADE_REGISTRIES: scratch.join('registries.yaml') };
    machine = site.stack.use(await startMachine(scratch.child('machine'), { env }));
    configFolder = scratch.join('machine', 'docker-config');
    mkdirSync(join(configFolder, 'cli-plugins'), { recursive: true });
    if (noBuildx === '') symlinkSync(fromSid(BUILDX), join(configFolder, 'cli-plugins', 'docker-buildx'));
    writeFileSync(scratch.join('Dockerfile'), 'FROM scratch\nCOPY layout/oci-layout /file\nCMD ["/none"]\n');
    await machine.docker('build', '-q', '-t', 'mine', '-f', scratch.join('Dockerfile'), scratch.path);
    await pushIndex();
  });
  afterAll(() => site?.[Symbol.asyncDispose]());

  /** The index of two platforms, as `app:v1`. */
  const pushIndex = async (): Promise<void> => {
    const { image, user } = site;
    const credentials = user === undefined ? [] : ['--dest-creds', `${user.name}:${user.password}`];
    const copy = ['copy', '-q', '--all', ...credentials, `oci:${image.layout}:1`, `docker://${app}:v1`];
    await site.client('copy').run('skopeo', ...copy);
  };

  test('docker login, push, pull and logout', async () => {
    await docker('tag', 'mine', `${app}:docker`);
    const { user } = site;
    if (user !== undefined) {
      const strange = await machine.tryDocker(['push', `${app}:docker`]);
      expect([strange.code, strange.stderr]).toEqual([
        1,
        expect.stringMatching(/unauthorized|no basic auth/),
      ]);
      const login = ['login', '-u', user.name, '--password-stdin', site.address];
      const wrong = await machine.tryDocker(login, { input: 'wrong' });
      expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('unauthorized')]);
      expect((await machine.tryDocker(login, { input: user.password })).stdout).toContain('Login Succeeded');
    }
    const pushed = /digest: (sha256:\w+)/.exec(await docker('push', `${app}:docker`))?.[1];
    const id = await docker('inspect', '-f', '{{.Id}}', `${app}:docker`);
    await docker('rmi', `${app}:docker`, 'mine');
    await docker('pull', `${app}@${pushed}`);
    expect(await docker('inspect', '-f', '{{.Id}}', `${app}@${pushed}`)).toBe(id);
    expect((await site.judge(`${app}:docker`)).digest).toBe(pushed);
    await docker('tag', `${app}@${pushed}`, 'mine');
  });

  test('lade pushes, pulls, copies and lists as docker does', async () => {
    await docker('tag', 'mine', `${app}:lade`);
    await machine.lade('push', `${app}:lade`);
    await machine.lade('image', 'cp', `${app}:lade`, `${site.address}/other/app:lade`);
    expect(await site.judge(`${site.address}/other/app:lade`)).toEqual(await site.judge(`${app}:lade`));
    await machine.lade('rmi', `${app}:lade`);
    await machine.lade('pull', `${app}:lade`);
    expect(await docker('inspect', '-f', '{{.Id}}', `${app}:lade`)).toBe(
      await docker('inspect', '-f', '{{.Id}}', 'mine'),
    );
    const context = site.scratch.child('from');
    writeFileSync(context.join('Dockerfile'), `FROM ${app}:lade\nCOPY Dockerfile /d\n`);
    await machine.lade('build', '--pull', '--push', '-t', `${app}:built`, context.path);
    expect((await site.judge(`${app}:built`)).blobs.length).toBeGreaterThan(3);
  });

  // Both take any loopback address for one of plain HTTP.
  const plain = door === 'plain HTTP' ? test : undefined;

  plain?.('docker manifest makes a list and shows it', async () => {
    const env = { ...process.env, DOCKER_CONFIG: configFolder };
    const manifest = (...args: readonly string[]) => run('docker', ['manifest', ...args], { env });
    const created = await manifest('create', '--insecure', `${app}:list`, `${app}:docker`, `${app}:lade`);
    expect(created).toMatchObject({ code: 0 });
    await manifest('annotate', `${app}:list`, `${app}:lade`, '--arch', 'arm64');
    const pushed = await manifest('push', '--insecure', '--purge', `${app}:list`);
    expect([pushed.code, pushed.stderr]).toEqual([0, '']);
    const shown = await manifest('inspect', '--insecure', `${app}:list`);
    expect((JSON.parse(shown.stdout) as Index).manifests.length).toBeGreaterThan(0);
  });

  plain?.skipIf(noBuildx !== '')(`buildx imagetools inspects and makes indexes${noBuildx}`, async () => {
    const { image, scratch } = site;
    const env = { ...process.env, DOCKER_CONFIG: configFolder, HOME: scratch.path };
    const tools = async (...args: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await run('docker', ['buildx', 'imagetools', ...args], { env });
      expect([code, stderr]).toEqual([0, expect.anything()]);
      return stdout;
    };
    expect(await tools('inspect', '--raw', `${app}:v1`)).toBe(
      readFileSync(join(image.layout, 'blobs', 'sha256', image.digest.slice(7)), 'utf8'),
    );
    await tools('create', '-t', `${site.address}/other/both:v1`, `${app}:v1`, `${app}:docker`);
    const both = JSON.parse(await tools('inspect', '--raw', `${site.address}/other/both:v1`)) as Index;
    expect(both.manifests.length).toBe(3);
    const { blobs } = await site.judge(`${site.address}/other/both:v1`);
    expect(blobs.length).toBeGreaterThan(image.blobs.length);
  });

  test.skipIf(noDockerd !== '').each(['image store of containerd', 'graph driver'])(
    `dockerd with the %s pushes and pulls${noDockerd}`,
    async (store) => {
      const home = site.scratch.child(store.slice(0, 5));
      const features = { 'containerd-snapshotter': store.startsWith('image') };
      const driver = features['containerd-snapshotter'] ? {} : { 'storage-driver': 'vfs' };
      writeFileSync(home.join('daemon.json'), JSON.stringify({ features, ...driver }));
      const env = site.client(`dockerd-${store.slice(0, 5)}`).env;
      const args = [
        '--config-file',
        home.join('daemon.json'),
        '--bridge=none',
        '--iptables=false',
        '--ip6tables=false',
      ];
      const daemon = await startDockerd(home, {
        program: fromSid('sbin/dockerd'),
        path: fromSid('bin'),
        args,
        env: site.ca === undefined ? {} : { SSL_CERT_FILE: site.ca },
      });
      if (daemon === undefined) throw new Error('dockerd of Debian sid did not start');
      await using _ = daemon;
      const real = async (words: readonly string[], input?: string): Promise<string> => {
        const { code, stdout, stderr } = await run('docker', ['-H', daemon.host, ...words], { env, input });
        if (code !== 0) throw new Error(`docker ${words.join(' ')}: ${stdout}${stderr}`);
        return stdout.trim();
      };
      if (site.user !== undefined)
        await real(['login', '-u', site.user.name, '--password-stdin', site.address], site.user.password);
      await real(['pull', '-q', `${app}:v1`]);
      await real(['tag', `${app}:v1`, `${site.address}/real/app:v1`]);
      await real(['push', '-q', `${site.address}/real/app:v1`]);
      const layers = await real(['inspect', '-f', '{{json .RootFS}}', `${app}:v1`]);
      await real(['rmi', `${app}:v1`, `${site.address}/real/app:v1`]);
      await real(['pull', '-q', `${site.address}/real/app:v1`]);
      const again = ['inspect', '-f', '{{json .RootFS}}', `${site.address}/real/app:v1`];
      expect(await real(again)).toBe(layers);
      await site.judge(`${site.address}/real/app:v1`);
    },
  );
});
