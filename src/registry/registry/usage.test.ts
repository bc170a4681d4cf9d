import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AccessControl } from '#access';
import { digestBy, startWireRegistry, type WireAnswer, type WireRegistry } from './testing.ts';

const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const API = '/lade/v1/registry';

/** Who is named in Basic credentials: `root` administers, `writer` pushes below `team/`, `reader` only pulls there. */
const createAccess = (): AccessControl => ({
  authenticate: async ({ authorization = '' }) => {
    const [, proof = ''] = authorization.split(' ');
    const name = Buffer.from(proof, 'base64').toString('utf8').split(':')[0] ?? '';
    const mine = (repository: string): boolean => repository.startsWith('team/');
    return {
      name: name === '' ? 'anonymous' : name,
      kind: name === '' ? 'anonymous' : 'user',
      loggedIn: name !== '',
      administrator: name === 'root',
      may: (action, repository) =>
        name === 'root' ||
        (name === 'writer' && mine(repository)) ||
        (name === 'reader' && action === 'pull' && mine(repository)),
    };
  },
  challenge: () => 'Basic realm="test"',
  [Symbol.asyncDispose]: async () => undefined,
});

const as = (name: string): Record<string, string> =>
  name === '' ? {} : { authorization: `Basic ${Buffer.from(`${name}:x`).toString('base64')}` };

let wire: WireRegistry;
const push = async (repository: string, tag: string, content: string): Promise<void> => {
  const headers = { ...as('root'), 'content-type': OCI_IMAGE };
  const digest = digestBy('sha256', content);
  const path = `/v2/${repository}/blobs/uploads/?digest=${digest}`;
  expect((await wire.call('POST', path, { headers, body: content })).status).toBe(201);
  const config = { mediaType: 'application/x', digest, size: content.length };
  const body = JSON.stringify({ schemaVersion: 2, mediaType: OCI_IMAGE, config, layers: [] });
  expect((await wire.call('PUT', `/v2/${repository}/manifests/${tag}`, { headers, body })).status).toBe(201);
};
beforeAll(async () => {
  wire = await startWireRegistry({ access: createAccess() });
  await push('team/app', 'v1', 'one');
  await push('team/app', 'v1', 'two');
  await push('secret/app', 'v1', 'one');
});
afterAll(() => wire[Symbol.asyncDispose]());

const get = (path: string, name: string): Promise<WireAnswer> =>
  wire.call('GET', `${API}${path}`, { headers: as(name) });

const restore = (name: string, body: object): Promise<WireAnswer> =>
  wire.call('POST', `${API}/tag-history/restorations`, {
    headers: { ...as(name), 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

describe('who may see and do what', () => {
  const all = { root: 200, writer: 403, reader: 403, '': 401 };
  test.each([
    ['/tag-history', all],
    ['/tag-history?repository=team/app', { root: 200, writer: 200, reader: 403, '': 401 }],
    ['/tag-history?repository=secret/app', all],
    ['/tag-history/verification', all],
    ['/usage', all],
    ['/usage?name=team', all],
    ['/usage?name=nothing', { ...all, root: 404 }],
    ['/usage?name=team/app', { root: 200, writer: 200, reader: 200, '': 401 }],
    ['/usage?name=secret/app', all],
    ['/usage/verification', all],
    ['/quotas', all],
    ['/quotas?repository=team/app', { root: 200, writer: 200, reader: 403, '': 401 }],
  ])('%s', async (path, expected) => {
    const found = await Promise.all(
      Object.keys(expected).map(async (name) => [name, (await get(path, name)).status]),
    );
    expect(Object.fromEntries(found)).toEqual(expected);
  });

  test('restoring', async () => {
    const wanted = { repository: 'team/app', tag: 'v1' };
    expect((await restore('', wanted)).status).toBe(401);
    expect((await restore('reader', wanted)).status).toBe(403);
    expect((await restore('writer', { ...wanted, repository: 'secret/app' })).status).toBe(403);
    expect((await restore('writer', wanted)).json).toMatchObject({ moved: true });
    const [newest] = ((await get('/tag-history', 'root')).json as { moves: object[] }).moves;
    expect(newest).toMatchObject({ repository: 'team/app', tag: 'v1', reason: 'restore', actor: 'writer' });
    expect((await restore('writer', { ...wanted, entry: 1, at: 1 })).status).toBe(400);
    expect((await restore('writer', { ...wanted, tag: '-x' })).status).toBe(400);
    expect((await restore('writer', { ...wanted, tag: 'none' })).status).toBe(404);
    expect((await restore('writer', { ...wanted, at: 1 })).status).toBe(412);
  });
});

test('pages of the history and of usage follow each other', async () => {
  const pages: unknown[] = [];
  for (let after = 0; ;) {
    const { moves } = (await get(`/tag-history?after=${after}&limit=1`, 'root')).json as {
      moves: { id: number }[];
    };
    if (moves.length === 0) break;
    after = moves[0]?.id ?? 0;
    pages.push(after);
  }
  expect(pages).toEqual(pages.map((_, index) => index + 1));
  expect(pages.length).toBeGreaterThanOrEqual(3);
  const [first, second, none] = await Promise.all(
    ['', 'secret', 'team'].map((after) => get(`/usage?limit=1&after=${after}`, 'root')),
  );
  expect(first?.json).toMatchObject({ registry: { repositories: 2 }, namespaces: [{ namespace: 'secret' }] });
  expect(second?.json).toMatchObject({ namespaces: [{ namespace: 'team' }] });
  expect(none?.json).toMatchObject({ namespaces: [] });
});
