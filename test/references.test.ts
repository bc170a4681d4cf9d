/** Names of images, held to what the docker command line makes of them. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseReference, repositoryName } from '#oci';
import { run } from './support/process.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
const socket = scratch.join('engine.sock');
/** What was asked to be pulled, by the number of the client that asked. */
const asked = new Map<string, string>();
let server: Server;

beforeAll(async () => {
  server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://engine');
    const { searchParams: query } = url;
    if (url.pathname.endsWith('/images/create')) {
      const name = query.get('fromImage') ?? '';
      const version = query.get('tag') ?? '';
      asked.set(request.headers['x-test'] as string, `${name}${version.includes(':') ? '@' : ':'}${version}`);
    }
    response.writeHead(200, { 'api-version': '1.47', 'content-type': 'application/json' }).end('{}');
  });
  server.listen(socket);
  await once(server, 'listening');
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
  scratch[Symbol.dispose]();
});

/** What docker would pull; undefined when it refuses the name. */
const dockerMeans = async (name: string, key: string): Promise<string | undefined> => {
  const env = {
    ...process.env,
    DOCKER_HOST: `unix://${socket}`,
    DOCKER_CONFIG: scratch.path,
    DOCKER_CUSTOM_HEADERS: `x-test=${key}`,
  };
  const { stderr } = await run('docker', ['pull', '-q', '--', name], { env });
  const meant = asked.get(key);
  if (meant === undefined)
    expect(stderr).toMatch(
      /invalid reference|invalid repository|must be lowercase|must not be more|digest|requires/,
    );
  return meant;
};

/** The same by our own grammar, as docker spells it in its request. */
const weMean = (name: string): string | undefined => {
  try {
    const reference = parseReference(name);
    return `${repositoryName(reference)}${reference.digest === undefined ? `:${reference.tag ?? ''}` : `@${reference.digest}`}`;
  } catch {
    return undefined;
  }
};

const hex = 'a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4';
const PLAIN = [
  'alpine',
  'a',
  'a/b',
  'a/b/c',
  'library/a',
  'library/a/b',
  'docker.io/a',
  'index.docker.io/a',
  'index.docker.io/a/b',
];
const HOSTS = [
  'localhost',
  'localhost:5000',
  'LOCALHOST',
  'Foo',
  'foo',
  'foo:80',
  'foo.',
  '.foo',
  'foo.bar',
  'foo-bar.com:1',
  '-foo.com',
  '192.168.0.1',
  '192.168.0.1:80',
  '[::1]',
  '[::1]:80',
  '[fe80::1%eth0]:80',
  '::1',
  'xn--n3h.com',
  'docker.io',
  'DOCKER.io',
];
const ODD = [
  '',
  ':',
  '@',
  '/',
  'a/',
  '/a',
  'a//b',
  'a:',
  'a@',
  'a:b:c',
  'A',
  'a/B',
  'a.b',
  'a..b',
  'a.-b',
  'a._b',
  'a__b',
  'a___b',
  'a---b',
  'a-',
  '-a',
  '_a',
  'a_',
  'a b',
  'a\tb',
  'a\n',
  'é',
  'a:é',
  'a:-b',
  'a:.b',
  'a:_b',
  'a:B.c-d_e',
  'localhost',
  'localhost:5000',
  '192.168.0.1',
  '[::1]',
  hex,
  hex.slice(1),
  `${hex}:tag`,
  `docker.io/${hex}`,
  `x/${hex}`,
  'https://example.com/a',
  'sha256:abc',
  `sha256:${hex}`,
];
const LONG = [
  `a:${'t'.repeat(128)}`,
  `a:${'t'.repeat(129)}`,
  'a'.repeat(247),
  'a'.repeat(248),
  `e.com/${'a'.repeat(255)}`,
  `e.com/${'a'.repeat(256)}`,
  `${'a/'.repeat(127)}a`,
  `${'a/'.repeat(128)}a`,
];
const DIGESTS = [
  `a@sha256:${hex}`,
  `a:1@sha256:${hex}`,
  `a@sha256:${hex.toUpperCase()}`,
  `a@sha256:${hex.slice(1)}`,
  `a@sha256:${hex}0`,
  `a@sha512:${hex}${hex}`,
  `a@sha512:${hex}`,
  `a@md5:${hex.slice(32)}`,
  `a@sha256:${hex}:1`,
  `a@SHA256:${hex}`,
  `foo/a:1@sha256:${hex}`,
  `e.com:5/a:1@sha256:${hex}`,
];
const NAMES = [
  ...PLAIN,
  ...HOSTS.map((host) => `${host}/repo`),
  ...HOSTS.map((host) => `${host}/repo:tag`),
  ...ODD,
  ...LONG,
  ...DIGESTS,
];

/** Docker drops the registry of such a name and then takes the beginning of its path for one. */
const MISREAD = /^(index\.)?docker\.io\/[^/]*[.:][^/]*\//;

const compare = async (names: readonly string[], round: string): Promise<void> => {
  const given = names.filter((name) => !name.includes('\0') && !MISREAD.test(name));
  const found: (readonly [string, string | undefined])[] = [];
  for (let start = 0; start < given.length; start += 8) {
    const some = given.slice(start, start + 8);
    found.push(
      ...(await Promise.all(
        some.map(async (name, at) => [name, await dockerMeans(name, `${round}-${start + at}`)] as const),
      )),
    );
  }
  expect(given.map((name) => [name, weMean(name)])).toEqual(found);
};

test('names that are usual, odd, long and wrong', () => compare(NAMES, 'listed'));

test('names made of the pieces of names', () => {
  const piece = fc.constantFrom(
    'a',
    'b1',
    'A',
    '.',
    '_',
    '__',
    '-',
    '--',
    ':',
    '/',
    '//',
    '@',
    '[',
    ']',
    '::1',
    '80',
    'localhost',
    'docker.io',
    `sha256:${hex}`,
    hex,
    'é',
    ' ',
  );
  const name = fc.array(piece, { minLength: 1, maxLength: 7 }).map((pieces) => pieces.join(''));
  const sound = fc
    .tuple(
      fc.constantFrom('', 'localhost/', 'e.com:5000/', 'Foo/', 'index.docker.io/'),
      fc.array(fc.stringMatching(/^[a-z0-9]{1,3}([._-]{1,2}[a-z0-9]{1,3})?$/), {
        minLength: 1,
        maxLength: 3,
      }),
      fc.constantFrom('', ':1', ':T_a.g-', `@sha256:${hex}`, `:x@sha256:${hex}`),
    )
    .map(([host, path, version]) => `${host}${path.join('/')}${version}`);
  return compare([...fc.sample(name, 150), ...fc.sample(sound, 100)], 'made');
});

test('a host with an underscore is refused, where docker takes it for a name without a registry', async () => {
  expect(await dockerMeans('foo_bar.com/repo', 'underscore')).toBe('foo_bar.com/repo:latest');
  expect(weMean('foo_bar.com/repo')).toBeUndefined();
});

test('a path of docker.io that begins like a host stays on docker.io, where docker asks that host', async () => {
  expect(await dockerMeans('index.docker.io/foo.bar/repo', 'misread')).toBe('foo.bar/repo:latest');
  expect(weMean('index.docker.io/foo.bar/repo')).toBe('docker.io/foo.bar/repo:latest');
});
