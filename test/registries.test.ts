/** Registries with logins, certificates, mirrors and proxies; transfers that are cut; copies. Judged by docker and skopeo. */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificates, type Certificates } from './support/certificates.ts';
import { startDockerRegistry, type DockerRegistry } from './support/docker-registry.ts';
import { startGate, type Gate } from './support/gate.ts';
import { busyboxArchive, LADE, startMachine, startRegistry, type Machine } from './support/lade.ts';
import { mustRun, run } from './support/process.ts';
import { createScratch, type Scratch } from './support/scratch.ts';

const MIB = 1024 * 1024;

const scratch = createScratch();
const stack = new AsyncDisposableStack();
let plain: DockerRegistry;
let hosts: string;
let machine: Machine;

/** A daemon of its own, with nothing in it, for one test. */
const freshMachine = (name: string): Promise<Machine> =>
  startMachine(scratch.child(name), { env: { LADE_REGISTRIES: hosts } });

const raw = async (reference: string, ...flags: string[]): Promise<string> =>
  (await mustRun('skopeo', ['inspect', '--raw', '--tls-verify=false', ...flags, `docker://${reference}`]))
    .stdout;

interface Manifest {
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
}

beforeAll(async () => {
  plain = stack.use(await startDockerRegistry(scratch, 'plain'));
  hosts = scratch.join('registries.yaml');
  writeFileSync(hosts, '');
  machine = stack.use(await startMachine(scratch, { env: { LADE_REGISTRIES: hosts } }));
  await machine.docker('import', await busyboxArchive(scratch), 'test/busybox');
  await machine.docker('tag', 'test/busybox', `${plain.address}/team/app:v1`);
  await machine.docker('push', `${plain.address}/team/app:v1`);
});

afterAll(async () => {
  await stack.disposeAsync();
  scratch[Symbol.dispose]();
});

/** Puts a configuration of registries in force. */
const configure = async (text: string, on: Machine = machine): Promise<void> => {
  writeFileSync(hosts, text);
  const before = on.daemon.stderr().split('read the configuration of registries again').length;
  on.daemon.child.kill('SIGHUP');
  await expect
    .poll(() => on.daemon.stderr().split('read the configuration of registries again').length)
    .toBeGreaterThan(before);
};

describe('a registry with users', () => {
  let guarded: DockerRegistry;
  const config = scratch.join('docker-config');
  const file = join(config, 'config.json');
  const stored = (): Record<string, unknown> =>
    (JSON.parse(readFileSync(file, 'utf8')) as { auths: Record<string, unknown> }).auths;

  beforeAll(async () => {
    guarded = stack.use(
      await startDockerRegistry(scratch, 'guarded', { users: { ann: 'pw-ann', bob: 'pw:bob' } }),
    );
    mkdirSync(config, { recursive: true });
    await machine.docker('tag', 'test/busybox', `${guarded.address}/team/app:v1`);
  });

  test('refuses strangers and wrong passwords, and says what to do', async () => {
    const pushed = await machine.tryLade(['push', '-q', `${guarded.address}/team/app:v1`]);
    expect(pushed).toMatchObject({ code: 1, stdout: '' });
    expect(pushed.stderr).toContain(`lade login ${guarded.address}`);
    const login = await machine.tryLade(['login', '-u', 'ann', '--password-stdin', guarded.address], {
      input: 'wrong\n',
    });
    expect(login.code).toBe(1);
    expect(login.stderr).toContain('unauthorized');
  });

  test.each(['lade', 'docker'] as const)('what %s login stores, both use', async (who) => {
    writeFileSync(file, '{"HttpHeaders":{"x":"y"},"auths":{"other.example":{"auth":"eDp5"}}}');
    const login = ['login', '-u', 'ann', '--password-stdin', guarded.address];
    const input = { input: 'pw-ann\n' };
    const { code, stdout } =
      who === 'lade' ? await machine.tryLade(login, input) : await machine.tryDocker(login, input);
    expect([code, stdout]).toEqual([0, 'Login Succeeded\n']);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
      HttpHeaders: { x: 'y' },
      auths: {
        'other.example': { auth: 'eDp5' },
        [guarded.address]: { auth: Buffer.from('ann:pw-ann').toString('base64') },
      },
    });
    await machine.lade('push', `${guarded.address}/team/app:v1`);
    await machine.docker('push', `${guarded.address}/team/app:v1`);
    await machine.lade('pull', `${guarded.address}/team/app:v1`);
    await machine.docker('pull', `${guarded.address}/team/app:v1`);
    expect((await machine.lade('login', guarded.address)).stdout).toBe('Login Succeeded\n');
    const skopeo = ['inspect', '--tls-verify=false', '--authfile', file];
    await mustRun('skopeo', [...skopeo, `docker://${guarded.address}/team/app:v1`]);
    const logout = ['logout', guarded.address];
    const out = who === 'lade' ? await machine.docker(...logout) : await machine.lade(...logout);
    expect(out.stdout).toBe(`Removing login credentials for ${guarded.address}\n`);
    expect(Object.keys(stored())).toEqual(['other.example']);
  });

  test('at a terminal, login asks for what is missing, and takes what is stored', async () => {
    writeFileSync(file, '{}');
    const env = { ...process.env, LADE_HOST: `unix://${machine.socket}`, DOCKER_CONFIG: config };
    const atTerminal = (words: string, input: string) =>
      mustRun('script', ['-qec', `${LADE} login ${words} ${guarded.address}`, '/dev/null'], { env, input });
    const first = (await atTerminal('', 'ann\npw-ann\n')).stdout;
    expect(first).toMatch(/Username: [^]*Password: [^]*Login Succeeded/);
    const second = (await atTerminal('', '')).stdout;
    expect(second).toContain('Authenticating with existing credentials... [Username: ann]');
    expect(second).toContain('Login Succeeded');
    expect((await atTerminal('-u bob', 'pw:bob\n')).stdout).not.toContain('Username');
    expect(stored()[guarded.address]).toEqual({ auth: Buffer.from('bob:pw:bob').toString('base64') });
  });

  test('the credentials of the longest path are used: pull, push, build and copy', async () => {
    const pair = (user: string) => ({ auth: Buffer.from(user).toString('base64') });
    writeFileSync(
      file,
      JSON.stringify({
        auths: {
          [guarded.address]: pair('nobody:x'),
          [`${guarded.address}/team`]: pair('nobody:y'),
        },
      }),
    );
    const login = ['login', '-u', 'bob', '--password-stdin', `${guarded.address}/team/app`];
    expect((await machine.tryLade(login, { input: 'pw:bob' })).code).toBe(0);
    expect(stored()[`${guarded.address}/team/app`]).toEqual(pair('bob:pw:bob'));
    await machine.lade('push', `${guarded.address}/team/app:v1`);
    await machine.lade('pull', `${guarded.address}/team/app:v1`);
    await machine.lade('image', 'cp', `${guarded.address}/team/app:v1`, `${guarded.address}/team/app:copy`);
    const dockerfile = `FROM ${guarded.address}/team/app:copy\n`;
    const context = scratch.child('login-build');
    writeFileSync(context.join('Dockerfile'), dockerfile);
    await machine.lade('build', '--pull', '-q', context.path);
    const denied = await machine.tryLade(['pull', `${guarded.address}/team/other`]);
    expect(denied.stderr).toContain('unauthorized');
  });

  test('a credential helper keeps the secret', async () => {
    const bin = scratch.child('bin');
    writeFileSync(
      bin.join('docker-credential-box'),
      `#!/bin/sh
f=${bin.path}/box
case $1 in
  store) cat > $f ;;
  get) read -r k; [ -e $f ] && grep -q "\\"$k\\"" $f && cat $f && exit 0; echo credentials not found in native keychain; exit 1 ;;
  erase) rm -f $f ;;
esac
`,
      { mode: 0o755 },
    );
    writeFileSync(file, '{"credsStore":"box"}');
    const env = {
      ...process.env,
      PATH: `${bin.path}:${process.env['PATH'] ?? ''}`,
      LADE_HOST: `unix://${machine.socket}`,
      DOCKER_HOST: `unix://${machine.socket}`,
      DOCKER_CONFIG: config,
    };
    const login = ['login', '-u', 'ann', '--password-stdin', guarded.address];
    const { code, stderr } = await machine.tryLade(login, { input: 'pw-ann', env });
    expect([code, stderr]).toEqual([0, '']);
    expect(stored()).toEqual({ [guarded.address]: {} });
    const pull = ['pull', '-q', `${guarded.address}/team/app:v1`];
    expect(await machine.tryLade(pull, { env })).toMatchObject({
      code: 0,
      stdout: `${guarded.address}/team/app:v1\n`,
    });
    expect((await machine.tryDocker(pull, { env })).code).toBe(0);
    await machine.tryLade(['logout', guarded.address], { env });
    expect((await machine.tryLade(pull, { env })).stderr).toContain('unauthorized');
    writeFileSync(file, '{}');
  });
});

describe('a registry with an authority of its own', () => {
  let certificates: Certificates;
  let secure: DockerRegistry;
  let mutual: DockerRegistry;
  const folder = scratch.join('certs.d');

  beforeAll(async () => {
    certificates = await makeCertificates(scratch.child('pki'));
    const tls = certificates.server;
    secure = stack.use(await startDockerRegistry(scratch, 'secure', { tls }));
    mutual = stack.use(
      await startDockerRegistry(scratch, 'mutual', { tls: { ...tls, clientCa: certificates.ca } }),
    );
    for (const { address } of [secure, mutual])
      await machine.docker('tag', 'test/busybox', `${address}/team/app:v1`);
  });

  /** Loopback hosts are not verified unless they are said to be secure. */
  const verified = (): string => `certificates: ${folder}
registries:
  "${secure.address}": { insecure: false }
  "${mutual.address}": { insecure: false }
`;

  test('is refused until its authority is known, by docker’s folder', async () => {
    await configure(verified());
    const refused = await machine.tryLade(['push', '-q', `${secure.address}/team/app:v1`]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`the certificate of ${secure.address} is not trusted`);
    expect(refused.stderr).toContain(`certs.d/${secure.address}/ca.crt`);
    mkdirSync(join(folder, secure.address), { recursive: true });
    copyFileSync(certificates.ca, join(folder, secure.address, 'ca.crt'));
    await machine.docker('push', `${secure.address}/team/app:v1`);
    const judged = ['inspect', '--raw', '--cert-dir', join(folder, secure.address)];
    const { stdout } = await mustRun('skopeo', [...judged, `docker://${secure.address}/team/app:v1`]);
    expect(stdout).toBe(await raw(`${plain.address}/team/app:v1`));
  });

  test('that wants client certificates is told apart, and gets them', async () => {
    const mine = join(folder, mutual.address);
    mkdirSync(mine, { recursive: true });
    copyFileSync(certificates.ca, join(mine, 'ca.crt'));
    const refused = await machine.tryLade(['push', '-q', `${mutual.address}/team/app:v1`]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`${mutual.address} wants a client certificate`);
    copyFileSync(certificates.client.cert, join(mine, 'client.cert'));
    const half = await machine.tryLade(['push', '-q', `${mutual.address}/team/app:v1`]);
    expect(half.stderr).toContain(`${join(mine, 'client.cert')} needs client.key beside it`);
    copyFileSync(certificates.client.key, join(mine, 'client.key'));
    await machine.docker('push', `${mutual.address}/team/app:v1`);
    const judged = ['inspect', '--raw', '--cert-dir', mine];
    await mustRun('skopeo', [...judged, `docker://${mutual.address}/team/app:v1`]);
  });

  test('can be named in the file, and can be declared insecure', async () => {
    await configure(`certificates: []
registries:
  "${secure.address}": { insecure: false, ca: ${certificates.ca} }
  "${mutual.address}":
    insecure: true
    client-cert: ${certificates.client.cert}
    client-key: ${certificates.client.key}
`);
    await machine.lade('push', `${secure.address}/team/app:v1`);
    await machine.lade('push', `${mutual.address}/team/app:v1`);
    await configure('');
  });
});

describe('the configuration of hosts', () => {
  test('has faults named by file and line, and the daemon does not start with them', async () => {
    const bad = scratch.join('bad.yaml');
    writeFileSync(bad, 'registries:\n  docker.io:\n    mirrors:\n      - ftp://x\n');
    const daemon = await run(process.execPath, [
      join(import.meta.dirname, '..', 'dist', 'bundle', 'daemon.js'),
      '--registries',
      bad,
      '--host',
      `unix://${scratch.join('bad.sock')}`,
      '--root',
      scratch.join('bad-root'),
    ]);
    expect(daemon.code).toBe(1);
    expect(daemon.stderr).toContain(`${bad}:4: registries.docker.io.mirrors[0]: ftp://x is no address`);
  });

  test('a mirror stands for a registry that cannot be reached; names stay those of the registry', async () => {
    await configure(`registries:
  registry.example: { mirrors: ["http://${plain.address}"] }
  docker.io:
    mirrors: ["http://127.0.0.1:9", "http://${plain.address}/team"]
`);
    const fresh = stack.use(await freshMachine('mirrored'));
    await fresh.docker('pull', 'registry.example/team/app:v1');
    const { stdout } = await fresh.docker(
      'inspect',
      '-f',
      '{{json .RepoDigests}}',
      'registry.example/team/app:v1',
    );
    expect(stdout).toContain('registry.example/team/app@sha256:');
    await machine.docker('tag', 'test/busybox', `${plain.address}/team/library/hello`);
    await machine.docker('push', `${plain.address}/team/library/hello`);
    await fresh.docker('pull', 'hello');
    const info = JSON.parse((await fresh.docker('info', '-f', '{{json .RegistryConfig}}')).stdout) as object;
    expect(info).toMatchObject({
      Mirrors: ['http://127.0.0.1:9/', `http://${plain.address}/team/`],
      IndexConfigs: {
        'registry.example': { Mirrors: [`http://${plain.address}/`], Secure: true, Official: false },
      },
    });
    await configure('', fresh);
    await configure('');
    const gone = await fresh.tryDocker(['pull', 'registry.example/team/app:v1']);
    expect(gone.stderr).toMatch(/cannot reach registry\.example|registry\.example/);
  });

  test('a proxy carries everything that is not excepted', async () => {
    const asked: string[] = [];
    const proxy = createServer((request, response) => {
      asked.push(request.url ?? '');
      const { pathname, search } = new URL(request.url ?? '');
      const [hostname, port] = plain.address.split(':');
      const onward = httpRequest(
        { hostname, port, method: request.method, path: pathname + search, headers: request.headers },
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        },
      );
      request.pipe(onward);
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    stack.defer(() => {
      proxy.closeAllConnections();
      proxy.close();
    });
    const { port } = proxy.address() as AddressInfo;
    await configure(`proxies: { http: "http://u:secret@127.0.0.1:${port}", except: [direct.example] }
registries: { "*.example": { plain-http: true } }
`);
    const fresh = stack.use(await freshMachine('proxied'));
    await fresh.docker('pull', 'far.example/team/app:v1');
    expect(asked[0]).toMatch(/^http:\/\/far\.example\/v2\//);
    const before = asked.length;
    const direct = await fresh.tryDocker(['pull', 'direct.example/team/app:v1']);
    expect([direct.code, asked.length]).toEqual([1, before]);
    const { stdout } = await fresh.docker('info', '-f', '{{.HTTPProxy}} {{.NoProxy}}');
    expect(stdout.trim()).toBe(`http://xxxxx:xxxxx@127.0.0.1:${port} direct.example`);
    await configure('');
  });
});

describe('a pull that is cut', () => {
  let gate: Gate;
  let reference: string;
  let layers: Manifest['layers'];

  const largest = (): string => layers.toSorted((a, b) => b.size - a.size)[0]?.digest ?? '';

  beforeAll(async () => {
    const context: Scratch = scratch.child('large');
    for (const [name, size] of Object.entries({ a: 2, b: 3, c: 32 }))
      writeFileSync(context.join(name), randomBytes(size * MIB));
    writeFileSync(context.join('Dockerfile'), 'FROM scratch\nCOPY a /a\nCOPY b /b\nCOPY c /c\n');
    await machine.lade('build', '-q', '-t', `${plain.address}/large:v1`, context.path);
    await machine.lade('push', `${plain.address}/large:v1`);
    gate = stack.use(await startGate(plain.address));
    reference = `${gate.address}/large:v1`;
    layers = (JSON.parse(await raw(reference)) as Manifest).layers;
  });

  const isStored = (on: Machine, digest: string): boolean =>
    existsSync(join(on.root, 'blobs', ...digest.split(':')));

  /** Begins a pull and resolves when the large layer is half there and the others are done. */
  const pullHalf = async (on: Machine) => {
    gate.forget();
    gate.hold(largest(), 16 * MIB);
    const child = spawn(LADE, ['pull', reference], {
      env: { ...process.env, LADE_HOST: `unix://${on.socket}` },
      stdio: 'ignore',
    });
    const ended = once(child, 'close') as Promise<[number | null]>;
    await gate.held();
    for (const { digest } of layers.filter((each) => each.digest !== largest()))
      await expect.poll(() => isStored(on, digest)).toBe(true);
    return { child, ended };
  };

  const downloadsOf = (digest: string) => gate.downloads.filter((each) => each.digest === digest);

  const expectNothingTwice = (): void => {
    for (const { digest, size } of layers.filter((each) => each.digest !== largest()))
      expect(downloadsOf(digest)).toEqual([{ digest, start: 0, bytes: size }]);
    const [first, rest, ...more] = downloadsOf(largest());
    expect(more).toEqual([]);
    const size = layers.find(({ digest }) => digest === largest())?.size ?? 0;
    // What was on its way through sockets when the first one ended comes again.
    expect(rest?.start).toBeGreaterThan(8 * MIB);
    expect(rest?.start).toBeLessThanOrEqual(first?.bytes ?? 0);
    expect(rest?.bytes).toBe(size - (rest?.start ?? 0));
  };

  test('by SIGKILL of the daemon goes on with the rest, and fetches no finished layer again', async () => {
    const fresh = stack.use(await freshMachine('killed'));
    const { ended } = await pullHalf(fresh);
    await fresh.restart('SIGKILL');
    expect((await ended)[0]).toBe(1);
    gate.open();
    await fresh.lade('pull', reference);
    expectNothingTwice();
    expect((await fresh.lade('image', 'inspect', reference)).stdout).toContain('"Layers"');
  });

  test('by ^C ends at once, and goes on with the rest', async () => {
    const fresh = stack.use(await freshMachine('interrupted'));
    const { child, ended } = await pullHalf(fresh);
    child.kill('SIGINT');
    expect((await ended)[0]).toBe(130);
    gate.open();
    await fresh.lade('pull', reference);
    expectNothingTwice();
  });

  test('by one of two who wait for it goes on for the other, as one download', async () => {
    const fresh = stack.use(await freshMachine('shared'));
    const { child, ended } = await pullHalf(fresh);
    const env = { ...process.env, DOCKER_HOST: `unix://${fresh.socket}` };
    const other = spawn('docker', ['pull', reference], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const otherEnded = once(other, 'close') as Promise<[number | null]>;
    let shown = '';
    other.stdout.on('data', (chunk: Buffer) => void (shown += chunk.toString()));
    const joined = `${largest().slice('sha256:'.length, 'sha256:'.length + 12)}: Pulling fs layer`;
    await expect.poll(() => shown).toContain(joined);
    child.kill('SIGINT');
    await ended;
    gate.open();
    expect((await otherEnded)[0]).toBe(0);
    expect(downloadsOf(largest())).toHaveLength(1);
  });
});

test('a push that is cut goes on where the registry stands', async () => {
  // Debian's docker-registry throws an upload away that was cut; Lade's own says how far it got.
  const own = stack.use(await startRegistry(scratch.join('own')));
  const gate = stack.use(await startGate(own.address));
  const context = scratch.child('cut-push');
  writeFileSync(context.join('a'), randomBytes(24 * MIB));
  writeFileSync(context.join('Dockerfile'), 'FROM scratch\nCOPY a /a\n');
  await machine.lade('build', '-q', '-t', `${gate.address}/cut:v1`, context.path);
  gate.cutUpload(12 * MIB);
  await machine.docker('push', `${gate.address}/cut:v1`);
  const [layer] = (JSON.parse(await raw(`${own.address}/cut:v1`)) as Manifest).layers;
  const again = gate.uploaded() - (layer?.size ?? 0);
  expect(again).toBeGreaterThan(0);
  expect(again).toBeLessThan(8 * MIB);
  await mustRun('skopeo', [
    'copy',
    '--src-tls-verify=false',
    `docker://${own.address}/cut:v1`,
    `dir:${scratch.join('cut')}`,
  ]);
});

describe('image cp', () => {
  const list = 'copies/multi:v1';

  beforeAll(async () => {
    await machine.docker('tag', 'test/busybox', `${plain.address}/copies/amd64:v1`);
    await machine.docker('push', `${plain.address}/copies/amd64:v1`);
    const layout = scratch.join('layout');
    await mustRun('skopeo', [
      'copy',
      '--src-tls-verify=false',
      `docker://${plain.address}/copies/amd64:v1`,
      `oci:${layout}:v1`,
    ]);
    // An index of two platforms, made from one image with two configurations.
    const image = await raw(`${plain.address}/copies/amd64:v1`);
    const put = await fetch(`http://${plain.address}/v2/copies/multi/blobs/uploads/`, { method: 'POST' });
    expect(put.status).toBe(202);
    const parsed = JSON.parse(image) as Manifest & { readonly config: { readonly digest: string } };
    for (const { digest } of [...parsed.layers, parsed.config]) {
      const mount = `?mount=${digest}&from=copies/amd64`;
      const mounted = await fetch(`http://${plain.address}/v2/copies/multi/blobs/uploads/${mount}`, {
        method: 'POST',
      });
      expect(mounted.status).toBe(201);
    }
    const store = async (target: string, mediaType: string, body: string): Promise<void> => {
      const answer = await fetch(`http://${plain.address}/v2/copies/multi/manifests/${target}`, {
        method: 'PUT',
        headers: { 'content-type': mediaType },
        body,
      });
      expect(answer.status).toBe(201);
    };
    const digestOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;
    const { mediaType } = JSON.parse(image) as { mediaType: string };
    const other = `${image}\n`;
    const manifests = [];
    for (const [text, architecture] of [
      [image, 'amd64'],
      [other, 'arm64'],
    ] as const) {
      await store(digestOf(text), mediaType, text);
      const platform = { os: 'linux', architecture };
      manifests.push({ mediaType, digest: digestOf(text), size: text.length, platform });
    }
    const type = 'application/vnd.oci.image.index.v1+json';
    await store('v1', type, JSON.stringify({ schemaVersion: 2, mediaType: type, manifests }, null, 3));
  });

  test('copies what skopeo copies, byte for byte, without storing anything', async () => {
    const target = stack.use(await startDockerRegistry(scratch, 'target'));
    const fresh = stack.use(await freshMachine('copying'));
    const source = `${plain.address}/${list}`;
    const { stdout } = await fresh.lade('image', 'cp', source, `${target.address}/mine/multi`);
    await mustRun('skopeo', [
      'copy',
      '--all',
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
      `docker://${source}`,
      `docker://${target.address}/theirs/multi:v1`,
    ]);
    const copied = await raw(`${target.address}/mine/multi:v1`);
    expect(copied).toBe(await raw(source));
    expect(copied).toBe(await raw(`${target.address}/theirs/multi:v1`));
    const { manifests } = JSON.parse(copied) as { manifests: { digest: string }[] };
    for (const { digest } of manifests)
      expect(await raw(`${target.address}/mine/multi@${digest}`)).toBe(
        await raw(`${target.address}/theirs/multi@${digest}`),
      );
    expect(stdout.split('\n')).toContain(`Status: Copied ${source} to ${target.address}/mine/multi:v1`);
    expect((await fresh.lade('images', '-aq')).stdout).toBe('');
    const small = ['-q', '--platform', 'linux/arm64', source, `${target.address}/mine/arm:v2`];
    const quiet = await fresh.lade('image', 'cp', ...small);
    const arm = manifests[1]?.digest ?? '';
    expect(quiet.stdout).toBe(`${target.address}/mine/arm@${arm}\n`);
    expect(await raw(`${target.address}/mine/arm:v2`)).toBe(await raw(`${source.replace(':v1', '')}@${arm}`));
    await mustRun('skopeo', [
      'inspect',
      '--tls-verify=false',
      '--override-arch=arm64',
      `docker://${target.address}/mine/arm:v2`,
    ]);
  });

  test('mounts within one registry, and says so', async () => {
    const names = [`${plain.address}/${list}`, `${plain.address}/copies/again:v1`];
    const { stdout } = await machine.lade('image', 'cp', ...names);
    expect(stdout).toContain(': Mounted from copies/multi\n');
    expect(stdout).not.toContain(': Copied\n');
  });

  test('says what is missing', async () => {
    const names = [`${plain.address}/copies/none:v1`, `${plain.address}/copies/x:v1`];
    const { code, stderr } = await machine.tryLade(['image', 'cp', ...names]);
    expect(code).toBe(1);
    expect(stderr).toContain(`manifest for ${plain.address}/copies/none:v1 not found`);
  });
});
