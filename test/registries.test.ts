/** Registries with users, certificates, mirrors and proxies; judged by docker and skopeo. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificates, type Certificates } from './support/certificates.ts';
import { startDockerRegistry, type DockerRegistry } from './support/docker-registry.ts';
import { startGate } from './support/gate.ts';
import { LADE, type Machine } from './support/lade.ts';
import { mustRun, run } from './support/process.ts';
import { raw, startRegistryBench, type RegistryBench } from './support/registry-bench.ts';
import type { Scratch } from './support/scratch.ts';

let bench: RegistryBench;
let scratch: Scratch;
let stack: AsyncDisposableStack;
let plain: DockerRegistry;
let machine: Machine;

beforeAll(async () => {
  bench = await startRegistryBench();
  ({ scratch, stack, plain, machine } = bench);
});

afterAll(() => bench?.[Symbol.asyncDispose]());

describe('a registry with users', () => {
  let guarded: DockerRegistry;
  let config: string;
  let file: string;
  const stored = (): Record<string, unknown> =>
    (JSON.parse(readFileSync(file, 'utf8')) as { auths: Record<string, unknown> }).auths;

  beforeAll(async () => {
    config = scratch.join('docker-config');
    file = join(config, 'config.json');
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
  let folder: string;

  beforeAll(async () => {
    folder = scratch.join('certs.d');
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
    await bench.configure(verified());
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
    await bench.configure(`certificates: []
registries:
  "${secure.address}": { insecure: false, ca: ${certificates.ca} }
  "${mutual.address}":
    insecure: true
    client-cert: ${certificates.client.cert}
    client-key: ${certificates.client.key}
`);
    await machine.lade('push', `${secure.address}/team/app:v1`);
    await machine.lade('push', `${mutual.address}/team/app:v1`);
    await bench.configure('');
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
    await bench.configure(`registries:
  registry.example: { mirrors: ["http://${plain.address}"] }
  docker.io:
    mirrors: ["http://127.0.0.1:9", "http://${plain.address}/team"]
`);
    const fresh = await bench.freshMachine('mirrored');
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
    await bench.configure('', fresh);
    await bench.configure('');
    const gone = await fresh.tryDocker(['pull', 'registry.example/team/app:v1']);
    expect(gone.stderr).toMatch(/cannot reach registry\.example|registry\.example/);
  });

  test('a mirror that lies about layers is found out, and the registry asked', async () => {
    const liar = stack.use(await startGate(plain.address));
    liar.lie();
    await bench.configure(`registries: { "${plain.address}": { mirrors: ["http://${liar.address}"] } }`);
    const fresh = await bench.freshMachine('lied-to');
    await fresh.docker('pull', `${plain.address}/team/app:v1`);
    expect(liar.downloads.length).toBeGreaterThan(0);
    expect(fresh.daemon.stderr()).toContain(`mirror ${liar.address} of ${plain.address} gave wrong content`);
    const ids = ['image', 'inspect', '-f', '{{.Id}}'];
    expect((await fresh.docker(...ids, `${plain.address}/team/app:v1`)).stdout).toBe(
      (await machine.docker(...ids, `${plain.address}/team/app:v1`)).stdout,
    );
    await bench.configure('');
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
    await bench.configure(`proxies: { http: "http://u:secret@127.0.0.1:${port}", except: [direct.example] }
registries: { "*.example": { plain-http: true } }
`);
    const fresh = await bench.freshMachine('proxied');
    await fresh.docker('pull', 'far.example/team/app:v1');
    expect(asked[0]).toMatch(/^http:\/\/far\.example\/v2\//);
    const before = asked.length;
    const direct = await fresh.tryDocker(['pull', 'direct.example/team/app:v1']);
    expect([direct.code, asked.length]).toEqual([1, before]);
    const { stdout } = await fresh.docker('info', '-f', '{{.HTTPProxy}} {{.NoProxy}}');
    expect(stdout.trim()).toBe(`http://xxxxx:xxxxx@127.0.0.1:${port} direct.example`);
    await bench.configure('');
  });
});
