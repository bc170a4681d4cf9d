import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openRegistryHosts, type RegistryHosts } from './index.ts';
import { parseHostsFile, parseMirror } from './hosts-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lade-hosts-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const file = (): string => join(folder, 'registries.yaml');

const open = async (text: string, flags: { mirrors?: string[]; insecure?: string[] } = {}) => {
  await writeFile(file(), text);
  return openRegistryHosts({ file: file(), required: true, ...flags });
};

describe('the file', () => {
  test('mirrors, proxies, credentials, and paths that start at the file', async () => {
    await mkdir(join(folder, 'certs', 'mirror.example:5000'), { recursive: true });
    await writeFile(join(folder, 'certs', 'mirror.example:5000', 'a.crt'), 'CA');
    await writeFile(join(folder, 'certs', 'mirror.example:5000', 'me.cert'), 'CERT');
    await writeFile(join(folder, 'certs', 'mirror.example:5000', 'me.key'), 'KEY');
    await writeFile(join(folder, 'secret'), 'pw\n');
    const hosts = await open(`
registries:
  docker.io:
    mirrors:
      - https://mirror.example:5000
      - url: cache.local/hub/
        insecure: true
        proxy: none
        username: ann
        password-file: secret
  "*.corp.example":
    plain-http: true
  "*":
    insecure: true
certificates: certs
proxies: { http: "proxy:3128", https: "http://u:p@proxy:3128", except: [.local, 10.0.0.0/8] }
`);
    const hub = await hosts.settings('docker.io');
    const proxy = {
      http: 'http://proxy:3128',
      https: 'http://u:p@proxy:3128',
      except: ['.local', '10.0.0.0/8'],
    };
    expect(hub.proxy).toEqual(proxy);
    expect(hub.mirrors).toEqual([
      {
        address: 'https://mirror.example:5000',
        prefix: '',
        insecure: true,
        plainHttp: undefined,
        ca: [Buffer.from('CA')],
        cert: [Buffer.from('CERT')],
        key: [Buffer.from('KEY')],
        proxy,
        credentials: undefined,
      },
      {
        address: 'cache.local',
        prefix: 'hub/',
        insecure: true,
        plainHttp: undefined,
        ca: [],
        proxy: 'none',
        credentials: { kind: 'basic', username: 'ann', password: 'pw' },
      },
    ]);
    expect(await hosts.settings('a.corp.example')).toMatchObject({ plainHttp: true, insecure: undefined });
    expect(await hosts.settings('elsewhere')).toMatchObject({ insecure: true });
  });

  test.each([
    ['registries:\n  a.example:\n    mirors: [x]\n', 3, 'registries.a.example.mirors: unknown key'],
    ['registries:\n  a.example:\n    insecure: 1\n', 3, 'expected true or false, got 1'],
    ['registries:\n  a.example:\n    client-cert: x\n', 3, 'client-key is missing'],
    ['registries:\n  a.example:\n    username: x\n', 3, 'password or password-file is missing'],
    ['registries:\n  a.example:\n    mirrors:\n      - ftp://x\n', 4, 'no address of a mirror'],
    ['registries:\n  a.example:\n    mirrors:\n      - insecure: true\n', 4, 'the key url is missing'],
    ['registries:\n  a/b:\n    insecure: true\n', 3, 'a/b is no registry'],
    ['registries: [x]\n', 1, 'expected a map'],
    ['\n\nproxies:\n  http: socks5://x\n', 4, 'no URL of an HTTP proxy'],
    ['insecure:\n  - 10.0.0.0/33\n', 2, 'neither HOST'],
    ['a: 1\na: 2\n', 2, 'unique'],
    ['registries:\n\t- x\n', 2, 'tab'],
  ])('%j is refused with its line', async (text, line, problem) => {
    await expect(open(text)).rejects.toMatchObject({
      code: 'DISTRIBUTION_HOSTS_FILE_INVALID',
      message: expect.stringMatching(new RegExp(`^${file()}:${line}: .*${problem}`, 'i')),
    });
  });

  test('one that is not there is empty, unless it was asked for; an empty one is empty', async () => {
    const none = await openRegistryHosts({ file: join(folder, 'none') });
    expect((await none.settings('docker.io')).mirrors).toEqual([]);
    await expect(openRegistryHosts({ file: join(folder, 'none'), required: true })).rejects.toMatchObject({
      code: 'DISTRIBUTION_HOSTS_FILE_UNREADABLE',
    });
    expect((await (await open('# nothing\n')).settings('x')).insecure).toBeUndefined();
  });

  test('is read again; a bad one leaves the old one in force', async () => {
    const hosts: RegistryHosts = await open('insecure: a.example');
    expect((await hosts.settings('a.example')).insecure).toBe(true);
    await writeFile(file(), 'insecure: [');
    await expect(hosts.reload()).rejects.toMatchObject({ code: 'DISTRIBUTION_HOSTS_FILE_INVALID' });
    expect((await hosts.settings('a.example')).insecure).toBe(true);
    await writeFile(file(), '');
    await hosts.reload();
    expect((await hosts.settings('a.example')).insecure).toBeUndefined();
  });

  test('a certificate without its key, and a file that is not there, are named', async () => {
    const certs = join(folder, 'certs', 'a.example');
    await mkdir(certs, { recursive: true });
    await writeFile(join(certs, 'me.cert'), '');
    const hosts = await open('certificates: certs\nregistries: { b.example: { ca: no.crt } }');
    await expect(hosts.settings('a.example')).rejects.toMatchObject({
      message: `${join(certs, 'me.cert')} needs me.key beside it`,
    });
    await expect(hosts.settings('b.example')).rejects.toThrow(join(folder, 'no.crt'));
    expect((await hosts.settings('..')).ca).toEqual([]);
  });
});

test('any text is a configuration, or a fault with a line', async () => {
  const words =
    'registries mirrors insecure proxies http docker.io true null 1 * &a *a https://m.example 10.0.0.0/8';
  const signs = ['[', ']', '{', '}', ':', ': ', '- ', ',', '\n', '  ', '"', '#', '? ', '|'];
  const word = fc.constantFrom(...words.split(' '), ...signs);
  const text = fc.oneof(
    fc.string(),
    fc.array(word, { maxLength: 30 }).map((words) => words.join('')),
  );
  await fc.assert(
    fc.asyncProperty(text, async (content) => {
      try {
        await parseHostsFile('/etc/x.yaml', content);
      } catch (error) {
        expect(error).toMatchObject({
          code: 'DISTRIBUTION_HOSTS_FILE_INVALID',
          message: expect.stringMatching(/^\/etc\/x\.yaml:\d+: /),
        });
      }
    }),
    { numRuns: 2000 },
  );
});

describe('flags', () => {
  test('mirrors come before those of the file; hosts are matched exactly, ranges by address', async () => {
    const hosts = await open('registries: { docker.io: { mirrors: second.example } }', {
      mirrors: ['https://first.example/'],
      insecure: ['reg.example:5000', '10.1.0.0/16', 'fd00::/8'],
    });
    const hub = await hosts.settings('docker.io');
    expect(hub.mirrors?.map(({ address }) => address)).toEqual(['https://first.example', 'second.example']);
    const insecure = async (domain: string) => (await hosts.settings(domain)).insecure;
    expect(await insecure('reg.example:5000')).toBe(true);
    expect(await insecure('10.1.2.3:80')).toBe(true);
    expect(await insecure('[fd00::1]:443')).toBe(true);
    for (const other of ['reg.example', '10.2.0.1', '[fe80::1]'])
      expect(await insecure(other)).toBeUndefined();
  });

  test.each([
    [{ mirrors: ['mirror.example'] }, /must be a URL/],
    [
      { mirrors: ['https://u:secret@mirror.example'] },
      /"https:\/\/\*\*\*@mirror.example".*user or a password/,
    ],
    [{ mirrors: ['https://mirror.example/a'] }, /no path/],
    [{ insecure: ['a b'] }, /HOST\[:PORT\]/],
  ])('%j are refused', async (flags, problem) => {
    await expect(open('', flags)).rejects.toThrow(problem);
  });
});

test.each([
  ['mirror.example', { address: 'mirror.example', prefix: '' }],
  ['HTTPS://[::1]:5000/', { address: 'https://[::1]:5000', prefix: '' }],
  ['http://m/a/b', { address: 'http://m', prefix: 'a/b/' }],
  ['http://m/A', undefined],
  ['http://u@m', undefined],
  ['', undefined],
])('the mirror %s', (text, parsed) => expect(parseMirror(text)).toEqual(parsed));
