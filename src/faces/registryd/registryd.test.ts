import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { hashSync } from 'bcryptjs';
import { createRegistryClient } from '#distribution';
import { sha256Of } from '#oci';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const hasSkopeo = existsSync('/usr/bin/skopeo');
const dockerCli = ['/usr/local/bin/docker', '/usr/bin/docker'].find((path) => existsSync(path));

let dir: string;
let children: ChildProcess[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lade-registryd-'));
  children = [];
});
afterEach(async () => {
  for (const child of children.filter(
    ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
  )) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await rm(dir, { recursive: true, force: true });
});

const start = (...flags: readonly string[]): ChildProcess => {
  const argv = [
    MAIN,
    '--listen',
    '127.0.0.1:0',
    '--root',
    join(dir, 'root'),
    '--log-level',
    'error',
    ...flags,
  ];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  return child;
};

const serve = async (
  ...flags: readonly string[]
): Promise<{ host: string; url: string; child: ChildProcess }> => {
  const child = start(...flags);
  if (child.stdout === null) throw new Error('no output');
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /serving (\S+) from/.exec(line)?.[1];
    if (url !== undefined) return { host: new URL(url).host, url, child };
  }
  throw new Error(`the registry ended: ${child.stderr === null ? '' : await text(child.stderr)}`);
};

const stop = async (child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> => {
  child.kill(signal);
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
};

/** An OCI layout with one image of one random layer. */
const makeLayout = async (path: string): Promise<{ readonly layer: Buffer }> => {
  const content = randomBytes(3_000_000);
  const layer = gzipSync(content);
  const blobs = join(path, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const add = async (bytes: Buffer, mediaType: string) => {
    const digest = sha256Of(bytes);
    await writeFile(join(blobs, digest.slice('sha256:'.length)), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [sha256Of(content)] },
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: await add(Buffer.from(config), 'application/vnd.oci.image.config.v1+json'),
    layers: [await add(layer, 'application/vnd.oci.image.layer.v1.tar+gzip')],
  };
  const entry = await add(Buffer.from(JSON.stringify(manifest)), manifest.mediaType);
  const annotations = { 'org.opencontainers.image.ref.name': 'v1' };
  await writeFile(join(path, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(
    join(path, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...entry, annotations }] }),
  );
  return { layer };
};

describe('the program', () => {
  test('says what is wrong with its flags, its address, its root and its users', async () => {
    const { host } = await serve();
    const failing = async (...flags: readonly string[]): Promise<string> => {
      const child = start(...flags);
      const [message, [code]] = await Promise.all([
        child.stderr === null ? '' : text(child.stderr),
        once(child, 'exit') as Promise<[number | null]>,
      ]);
      expect(code).toBe(1);
      return message;
    };
    expect(await failing('--nonsense')).toContain('--help');
    expect(await failing('--listen', 'nowhere')).toContain('HOST:PORT');
    expect(await failing('--tls-cert', 'x')).toContain('go together');
    expect(await failing('--root', join(dir, 'other'), '--listen', host)).toMatch(
      /already in use\nhint: stop what listens on/,
    );
    expect(await failing()).toContain('another registry already works on');
    await writeFile(join(dir, 'users'), 'ann:secret\n');
    expect(await failing('--root', join(dir, 'third'), '--htpasswd', join(dir, 'users'))).toContain('line 1');
  });

  test('ends cleanly on SIGTERM', async () => {
    const { child } = await serve();
    expect(await stop(child, 'SIGTERM')).toBe(0);
  });

  test('speaks TLS, and the registry client finds out', async () => {
    const request =
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout k -out c';
    const names = '-subj /CN=lade -addext subjectAltName=IP:127.0.0.1';
    await run('/usr/bin/openssl', `${request} ${names}`.split(' '), { cwd: dir });
    const { host, url } = await serve('--tls-cert', join(dir, 'c'), '--tls-key', join(dir, 'k'));
    expect(url).toMatch(/^https:/);
    await using client = createRegistryClient();
    await client.ping(host);
  });
});

describe.skipIf(!hasSkopeo)(hasSkopeo ? 'skopeo' : 'skopeo (needs skopeo)', () => {
  const skopeo = async (...args: readonly string[]): Promise<string> =>
    (await run('skopeo', [...args])).stdout;

  test('copies in, out, between repositories and as Docker schema 2; content survives SIGKILL', async () => {
    const layout = join(dir, 'layout');
    const { layer } = await makeLayout(layout);
    const first = await serve();
    const target = `docker://${first.host}/team/app`;
    await skopeo('copy', '--dest-tls-verify=false', `oci:${layout}:v1`, `${target}:v1`);
    await skopeo('copy', '--dest-tls-verify=false', '--format', 'v2s2', `oci:${layout}:v1`, `${target}:s2`);
    await stop(first.child, 'SIGKILL');

    const { host } = await serve();
    const source = `docker://${host}/team/app`;
    const between = `docker://${host}/other/deep/name`;
    await skopeo(
      'copy',
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
      `${source}:v1`,
      `${between}:v2`,
    );
    const listed = await skopeo('list-tags', '--tls-verify=false', source);
    expect(JSON.parse(listed)).toMatchObject({ Tags: ['s2', 'v1'] });
    for (const [from, to] of [
      [`${source}:v1`, 'back'],
      [`${between}:v2`, 'moved'],
    ] as const) {
      await skopeo('copy', '--src-tls-verify=false', from, `oci:${join(dir, to)}:v1`);
      const hex = sha256Of(layer).slice('sha256:'.length);
      expect(await readFile(join(dir, to, 'blobs', 'sha256', hex))).toEqual(layer);
    }
    await skopeo('delete', '--tls-verify=false', `${source}:s2`);
    const left = await skopeo('list-tags', '--tls-verify=false', source);
    expect(JSON.parse(left)).toMatchObject({ Tags: ['v1'] });
  });

  test('needs the password where there are users', async () => {
    await makeLayout(join(dir, 'layout'));
    await writeFile(join(dir, 'users'), `ann:${hashSync('pw', 5)}\n`);
    const { host } = await serve('--htpasswd', join(dir, 'users'));
    const copy = (...flags: readonly string[]): Promise<string> =>
      skopeo(
        'copy',
        '--dest-tls-verify=false',
        ...flags,
        `oci:${join(dir, 'layout')}:v1`,
        `docker://${host}/a/b:v1`,
      );
    await expect(copy()).rejects.toThrow(/access to the resource is denied|authentication required/);
    await expect(copy('--dest-creds', 'ann:no')).rejects.toThrow('authentication required');
    await copy('--dest-creds', 'ann:pw');
  });
});

describe.skipIf(dockerCli === undefined)(
  dockerCli === undefined ? 'docker login (needs a docker command line)' : 'docker login',
  () => {
    test('takes a right password and refuses a wrong one', async () => {
      await writeFile(join(dir, 'users'), `ann:${hashSync('pw', 5)}\n`);
      const { host } = await serve('--htpasswd', join(dir, 'users'));
      const env = { ...process.env, DOCKER_CONFIG: dir, DOCKER_HOST: `unix://${join(dir, 'none.sock')}` };
      const login = (password: string): Promise<{ stdout: string }> =>
        run(dockerCli ?? 'docker', ['login', '-u', 'ann', '-p', password, host], { env });
      await expect(login('no')).rejects.toThrow(/unauthorized/i);
      expect((await login('pw')).stdout).toContain('Login Succeeded');
      expect(JSON.parse(await readFile(join(dir, 'config.json'), 'utf8'))).toHaveProperty(['auths', host]);
    });
  },
);
