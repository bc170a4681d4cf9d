import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { parseReference } from '#oci';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRegistryClient, type Credentials, type Mirror, type RemoteRepository } from './index.ts';
import { serveShelf, sha256, startScript, type ScriptedRegistry, type Shelf } from './testing.ts';

const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const retry = { attempts: 4, backoffMs: 2, maxBackoffMs: 10, idleMs: 300 };
const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_IMAGE, layers: [] }));
const blob = randomBytes(400_000);
const digest = sha256(blob);
const whole: Shelf = new Map([
  ['v1', { bytes: manifest, mediaType: OCI_IMAGE }],
  [sha256(manifest), { bytes: manifest, mediaType: OCI_IMAGE }],
  [digest, { bytes: blob }],
]);

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let stack: AsyncDisposableStack;
let notices: string[];
/** Ranges that the registry itself was asked for. */
let ranges: string[];
beforeEach(() => {
  stack = new AsyncDisposableStack();
  notices = [];
  ranges = [];
});
afterEach(() => stack.disposeAsync());

const start = async (answer: Answer): Promise<ScriptedRegistry> => stack.use(await startScript(answer));

/** Requests without those that only look for the scheme. */
const asked = ({ seen }: ScriptedRegistry): readonly string[] =>
  seen.filter((line) => !line.endsWith(' /v2/'));

const pulling = async (
  mirrors: readonly (string | Mirror)[],
  credentials?: Credentials,
): Promise<{ origin: ScriptedRegistry; repository: RemoteRepository }> => {
  const origin = await start((request, response) => {
    if (request.headers.range !== undefined) ranges.push(request.headers.range);
    serveShelf(whole)(request, response);
  });
  const settings = {
    mirrors: mirrors.map((each) => (typeof each === 'string' ? { address: each, prefix: '' } : each)),
  };
  const client = stack.use(
    createRegistryClient({
      retry,
      hosts: (domain) => (domain === origin.host ? settings : {}),
      credentials: async () => credentials,
      notice: (message) => void notices.push(message),
    }),
  );
  return { origin, repository: client.repository(parseReference(`${origin.host}/team/app:v1`)) };
};

const pullAll = async (repository: RemoteRepository): Promise<void> => {
  expect((await repository.resolve()).bytes).toEqual(manifest);
  expect((await repository.manifest(sha256(manifest))).bytes).toEqual(manifest);
  expect(await buffer((await repository.blob(digest, { size: blob.length })).stream)).toEqual(blob);
};

describe('a mirror', () => {
  test('that has everything is the only one asked, by its own path', async () => {
    const mirror = await start(serveShelf(whole));
    const { origin, repository } = await pulling([{ address: `http://${mirror.host}`, prefix: 'hub/' }]);
    await pullAll(repository);
    expect(asked(origin)).toEqual([]);
    expect(asked(mirror)).toEqual([
      'GET /v2/hub/team/app/manifests/v1',
      `GET /v2/hub/team/app/manifests/${sha256(manifest)}`,
      `GET /v2/hub/team/app/blobs/${digest}`,
    ]);
    expect(notices).toEqual([]);
  });

  test('that lacks the tag or a blob is asked again for the next', async () => {
    const partial = new Map(whole);
    partial.delete('v1');
    const mirror = await start(serveShelf(partial));
    const { origin, repository } = await pulling([mirror.host]);
    await pullAll(repository);
    expect(asked(origin)).toEqual(['GET /v2/team/app/manifests/v1']);
    expect(notices).toEqual([]);
  });

  test.each<[string, Answer]>([
    ['answers 500', (_request, response) => void response.writeHead(500).end()],
    ['refuses', (_request, response) => void response.writeHead(403).end()],
    ['wants a login', (_r, response) => void response.writeHead(401, { 'www-authenticate': 'Basic' }).end()],
    ['cuts', (request) => void request.destroy()],
    ['is no registry', (_request, response) => void response.writeHead(404).end('<html>')],
    ['has other bytes', serveShelf(new Map([...whole].map(([key]) => [key, { bytes: Buffer.from('{}') }])))],
  ])('that %s is passed over', async (_what, answer) => {
    const mirror = await start((request, response) =>
      request.url === '/v2/' ? void response.end('{}') : answer(request, response),
    );
    const { origin, repository } = await pulling([mirror.host]);
    expect((await repository.resolve(sha256(manifest))).bytes).toEqual(manifest);
    expect(asked(origin)).toHaveLength(1);
    const before = asked(mirror).length;
    expect(before).toBeGreaterThan(0);
    if (notices.length === 0) return;
    await pullAll(repository);
    expect(asked(mirror)).toHaveLength(before);
    expect(notices[0]).toContain(`mirror ${mirror.host} of ${origin.host} is passed over: `);
  });

  test('that is not there costs one look', async () => {
    const gone = await startScript(() => undefined);
    await gone[Symbol.asyncDispose]();
    const second = await start(serveShelf(whole));
    const { origin, repository } = await pulling([gone.host, second.host]);
    await pullAll(repository);
    expect(asked(origin)).toEqual([]);
    expect(notices).toHaveLength(1);
  });

  test('that cuts in the middle is followed by the registry from there', async () => {
    const mirror = await start((request, response) => {
      if (!request.url?.includes('/blobs/')) return serveShelf(whole)(request, response);
      if (request.headers.range !== undefined) return void response.destroy();
      response.writeHead(200, { 'content-length': blob.length });
      return void response.write(blob.subarray(0, 150_000), () => setTimeout(() => response.destroy(), 20));
    });
    const { origin, repository } = await pulling([mirror.host]);
    const { stream } = await repository.blob(digest);
    expect(await buffer(stream)).toEqual(blob);
    expect(asked(origin)).toHaveLength(1);
    expect(ranges).toEqual(['bytes=150000-']);
    expect(notices).toHaveLength(1);
  });

  test('that lies about a blob is distrusted for it, and only a mirror is', async () => {
    const lie = new Map(whole).set(digest, { bytes: randomBytes(blob.length) });
    const mirror = await start(serveShelf(lie));
    const { origin, repository } = await pulling([mirror.host]);
    expect(await buffer((await repository.blob(digest)).stream)).not.toEqual(blob);
    expect(await repository.distrust(digest)).toBe(true);
    expect(await buffer((await repository.blob(digest)).stream)).toEqual(blob);
    expect(await repository.distrust(digest)).toBe(false);
    expect(asked(origin)).toHaveLength(1);
    expect((await repository.resolve()).bytes).toEqual(manifest);
    expect(asked(origin)).toHaveLength(1);
  });

  test('gets its own credentials, never those of the registry', async () => {
    const seen: (string | undefined)[] = [];
    const answer: Answer = (request, response) => {
      if (request.url !== '/v2/') seen.push(request.headers.authorization);
      if (request.headers.authorization === undefined)
        return void response.writeHead(401, { 'www-authenticate': 'Basic realm="m"' }).end();
      return serveShelf(whole)(request, response);
    };
    const [bare, own] = [await start(answer), await start(answer)];
    const credentials: Credentials = { kind: 'basic', username: 'me', password: 'at-the-mirror' };
    const { repository } = await pulling([bare.host, { address: own.host, prefix: '', credentials }], {
      kind: 'basic',
      username: 'me',
      password: 'at-the-registry',
    });
    await repository.resolve();
    const header = `Basic ${Buffer.from('me:at-the-mirror').toString('base64')}`;
    expect(seen).toEqual([undefined, undefined, header]);
  });

  test('is never pushed to, and gives lists only for a registry that is away', async () => {
    const mirror = await start(
      serveShelf(new Map([['list?n=1000', { bytes: Buffer.from('{"tags":["m"]}') }]])),
    );
    const { origin, repository } = await pulling([mirror.host]);
    const pushing = repository.pushBlob({ digest, size: blob.length }, () => Readable.from([blob]));
    await expect(pushing).rejects.toMatchObject({ kind: 'failed-precondition' });
    expect(asked(mirror)).toEqual([]);
    await expect(repository.tags()).rejects.toMatchObject({ kind: 'not-found' });
    await origin[Symbol.asyncDispose]();
    expect(await repository.tags()).toEqual(['m']);
  });
});
