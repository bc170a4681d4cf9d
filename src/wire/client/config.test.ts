import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  chooseHost,
  encodeCredentials,
  formatHost,
  loginKey,
  openCredentials,
  parseHost,
  registryHostOf,
  repositoryOf,
} from './index.ts';

let folder = '';
const path = process.env['PATH'];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lade-config-'));
});
afterEach(() => {
  process.env['PATH'] = path;
  rmSync(folder, { recursive: true, force: true });
});

const writeConfig = (config: object): void =>
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
const readConfig = (): unknown => JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));

describe('which daemon', () => {
  test('flag, LADE_HOST, DOCKER_HOST, default', () => {
    const env = { LADE_HOST: 'unix:///l', DOCKER_HOST: 'unix:///d' };
    expect(chooseHost('unix:///f', env)).toEqual({ address: 'unix:///f', isDefault: false });
    expect(chooseHost(undefined, env).address).toBe('unix:///l');
    expect(chooseHost(undefined, { ...env, LADE_HOST: '' }).address).toBe('unix:///d');
    expect(chooseHost(undefined, {})).toEqual({ address: 'unix:///run/lade/lade.sock', isDefault: true });
  });

  test.each([
    ['unix:///a/b', { kind: 'unix', path: '/a/b' }],
    ['tcp://h:1', { kind: 'tcp', host: 'h', port: 1, tls: undefined }],
    ['tcp://[::1]:22', { kind: 'tcp', host: '::1', port: 22, tls: undefined }],
    ['tcp://:2', { kind: 'tcp', host: '127.0.0.1', port: 2, tls: undefined }],
    ['http://h', { kind: 'tcp', host: 'h', port: 2375, tls: undefined }],
  ])('%s', (address, expected) => {
    expect(parseHost(address)).toEqual(expected);
    expect(parseHost(formatHost(parseHost(address)))).toEqual(parseHost(address));
  });

  test('TLS as docker’s variables say', () => {
    expect(parseHost('tcp://h', { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/c' })).toEqual({
      kind: 'tcp',
      host: 'h',
      port: 2376,
      tls: { ca: '/c/ca.pem', cert: '/c/cert.pem', key: '/c/key.pem', verify: true },
    });
  });

  test.each(['', 'lade', 'unix://relative', 'tcp://h:99999', 'tcp://h:x', 'ftp://h'])(
    '%j is none',
    (address) => {
      expect(() => parseHost(address)).toThrow('invalid daemon address');
    },
  );

  test('ssh is refused with a way out', () => {
    expect(() => parseHost('ssh://u@h')).toThrow('not supported yet');
  });
});

describe('credentials', () => {
  test.each([
    ['alpine', 'docker.io'],
    ['library/alpine:3', 'docker.io'],
    ['index.docker.io/library/alpine', 'docker.io'],
    ['localhost/x', 'localhost'],
    ['host:5000/a/b@sha256:00', 'host:5000'],
    ['ghcr.io/a', 'ghcr.io'],
  ])('the registry of %s', (reference, host) => expect(registryHostOf(reference)).toBe(host));

  test('are kept as docker keeps them, with every other setting, for the owner only', async () => {
    writeConfig({ psFormat: 'x', auths: { old: { auth: 'eDp5' } } });
    const credentials = openCredentials(folder);
    expect(await credentials.save('reg:5000', { username: 'ann', password: 'a:b' })).toBe(
      join(folder, 'config.json'),
    );
    expect(readConfig()).toEqual({
      psFormat: 'x',
      auths: { old: { auth: 'eDp5' }, 'reg:5000': { auth: Buffer.from('ann:a:b').toString('base64') } },
    });
    expect(statSync(join(folder, 'config.json')).mode & 0o777).toBe(0o600);
    expect(await credentials.find('reg:5000')).toMatchObject({ username: 'ann', password: 'a:b' });
    expect(await credentials.find('other')).toBeUndefined();
    expect(await credentials.forget('reg:5000')).toBe(true);
    expect(await credentials.forget('reg:5000')).toBe(false);
    expect(await credentials.find('old')).toMatchObject({ username: 'x', password: 'y' });
  });

  test.each([
    ['alpine:3', 'docker.io/library/alpine'],
    ['team/app@sha256:00', 'docker.io/team/app'],
    ['index.docker.io/library/alpine', 'docker.io/library/alpine'],
    ['docker.io/team/app', 'docker.io/team/app'],
    ['localhost:5000/a', 'localhost:5000/a'],
    ['[::1]:5000/a/b:v1', '[::1]:5000/a/b'],
  ])('the repository of %s', (reference, name) => expect(repositoryOf(reference)).toBe(name));

  test.each([
    ['docker.io', 'https://index.docker.io/v1/'],
    ['https://index.docker.io/v1/', 'https://index.docker.io/v1/'],
    ['registry-1.docker.io', 'https://index.docker.io/v1/'],
    ['docker.io/team', 'docker.io/team'],
    ['https://reg.example:5000/v2/', 'reg.example:5000'],
    ['reg.example/team/', 'reg.example/team'],
    ['[::1]:5000', '[::1]:5000'],
  ])('a login to %s is kept under %s', (server, key) => expect(loginKey(server)).toBe(key));

  test('the longest part of a path counts; a URL and its path mean the host', async () => {
    const entry = (user: string) => ({ auth: Buffer.from(`${user}:p`).toString('base64') });
    writeConfig({
      auths: {
        'https://reg.example/v1/': entry('host'),
        'reg.example/team': entry('team'),
        'reg.example/team/app': entry('app'),
        'docker.io/team': entry('hub-team'),
        'other.example/team': entry('other'),
      },
    });
    const credentials = openCredentials(folder);
    const userOf = async (name: string) => (await credentials.find(name))?.username;
    expect(await userOf('reg.example/team/app')).toBe('app');
    expect(await userOf('reg.example/team/app/part')).toBe('app');
    expect(await userOf('reg.example/team/apple')).toBe('team');
    expect(await userOf('reg.example/teams/app')).toBe('host');
    expect(await userOf('reg.example')).toBe('host');
    expect(await userOf('docker.io/team/x')).toBe('hub-team');
    expect(await userOf('docker.io/library/x')).toBeUndefined();
    expect(await userOf('other.example/x')).toBeUndefined();
    expect(await credentials.forget('reg.example/team')).toBe(true);
    expect(await userOf('reg.example/team/b')).toBe('host');
  });

  test('a refresh token is kept as docker keeps it; a link to the file stays a link', async () => {
    const real = join(folder, 'elsewhere.json');
    writeFileSync(real, '{"HttpHeaders":{"a":"b"}}');
    symlinkSync(real, join(folder, 'config.json'));
    const credentials = openCredentials(folder);
    await credentials.save('reg.example', { username: 'ann', password: 'pw', identitytoken: 'R' });
    expect(JSON.parse(readFileSync(real, 'utf8'))).toEqual({
      HttpHeaders: { a: 'b' },
      auths: { 'reg.example': { auth: Buffer.from('ann:').toString('base64'), identitytoken: 'R' } },
    });
    expect(lstatSync(join(folder, 'config.json')).isSymbolicLink()).toBe(true);
    expect(await credentials.get('reg.example')).toMatchObject({ username: 'ann', identitytoken: 'R' });
  });

  test('Docker Hub has its old key; a key may be a URL', async () => {
    const auth = Buffer.from('u:p').toString('base64');
    writeConfig({ auths: { 'https://index.docker.io/v1/': { auth }, 'https://reg.example/v2/': { auth } } });
    const credentials = openCredentials(folder);
    expect(await credentials.find('docker.io')).toMatchObject({ username: 'u' });
    expect(await credentials.find('reg.example')).toMatchObject({ username: 'u' });
    expect(Object.keys(await credentials.all())).toEqual([
      'https://index.docker.io/v1/',
      'https://reg.example/v2/',
    ]);
  });

  test('a helper program keeps the secret, the file only the name', async () => {
    const store = join(folder, 'kept');
    const program = join(folder, 'docker-credential-fake');
    writeFileSync(
      program,
      `#!/bin/sh
case $1 in
  store) cat > ${store} ;;
  get) [ -e ${store} ] && cat ${store} && exit 0; echo credentials not found in native keychain; exit 1 ;;
  erase) cat > /dev/null; rm -f ${store} ;;
esac
`,
    );
    chmodSync(program, 0o755);
    process.env['PATH'] = `${folder}:${path ?? ''}`;
    writeConfig({ credHelpers: { 'reg.example': 'fake' } });
    const credentials = openCredentials(folder);
    expect(await credentials.find('reg.example')).toBeUndefined();
    expect(await credentials.save('reg.example', { username: 'u', password: 'secret' })).toBeUndefined();
    expect(JSON.stringify(readConfig())).not.toContain('secret');
    expect(await credentials.find('reg.example')).toMatchObject({ username: 'u', password: 'secret' });
    await credentials.forget('reg.example');
    expect(await credentials.find('reg.example')).toBeUndefined();
  });

  test('a helper for everything is asked for hosts, for namespaces that were logged in to, and for its list', async () => {
    const calls = join(folder, 'calls');
    const program = join(folder, 'docker-credential-all');
    writeFileSync(
      program,
      `#!/bin/sh
read -r key
echo "$1 $key" >> ${calls}
case $1 in
  list) echo '{"listed.example":"u"}' ;;
  get) case $key in
    *none*) echo credentials not found in native keychain; exit 1 ;;
    *) printf '{"ServerURL":"%s","Username":"<token>","Secret":"of %s"}' "$key" "$key" ;;
  esac ;;
esac
`,
    );
    chmodSync(program, 0o755);
    process.env['PATH'] = `${folder}:${path ?? ''}`;
    writeConfig({ credsStore: 'all', auths: { 'reg.example/team': {}, 'none.example': {} } });
    const credentials = openCredentials(folder);
    expect(await credentials.find('reg.example/team/app')).toMatchObject({
      identitytoken: 'of reg.example/team',
    });
    expect(await credentials.find('reg.example/b/c')).toMatchObject({ identitytoken: 'of reg.example' });
    expect(await credentials.find('none.example/b/c')).toBeUndefined();
    expect(readFileSync(calls, 'utf8')).toBe('get reg.example/team\nget reg.example\nget none.example\n');
    expect(Object.keys(await credentials.all()).toSorted()).toEqual(['listed.example', 'reg.example/team']);
  });

  test('a helper that is not there, and a file that is no JSON', async () => {
    writeConfig({ credsStore: 'missing-for-sure' });
    await expect(openCredentials(folder).find('x')).rejects.toThrow('docker-credential-missing-for-sure');
    writeFileSync(join(folder, 'config.json'), '{');
    await expect(openCredentials(folder).find('x')).rejects.toThrow(join(folder, 'config.json'));
  });

  test('the header is base64url of JSON', () => {
    const header = encodeCredentials({ username: 'ü?>', password: '~~' });
    expect(header).toMatch(/^[\w-]+$/);
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
      username: 'ü?>',
      password: '~~',
    });
  });
});
