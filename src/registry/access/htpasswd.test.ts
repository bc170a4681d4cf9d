import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashSync } from 'bcryptjs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openMetadata, type MetadataStore } from '#metadata';
import { createAccess } from './create-access.ts';
import { accessErrors, accessSettings, type AccessControl } from './index.ts';
import { startWireRegistry } from '../registry/testing.ts';

const basic = (name: string, password: string): string =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;

/** Who the header proves to be; undefined when it is refused. */
const nameOf = async (
  control: AccessControl,
  authorization: string | undefined,
): Promise<string | undefined> => {
  try {
    const caller = await control.authenticate({ authorization, address: '127.0.0.1' });
    return caller.kind === 'anonymous' ? undefined : caller.name;
  } catch {
    return undefined;
  }
};

let dir: string;
let path: string;
let metadata: MetadataStore & AsyncDisposable;
const createHtpasswd = (options: { readonly path: string }): Promise<AccessControl> =>
  createAccess({
    ...metadata,
    settings: accessSettings.parse({ htpasswd: options.path, tokens: { enabled: false } }),
  });
let auth: AccessControl;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lade-htpasswd-'));
  path = join(dir, 'users');
  await writeFile(path, `# users\nann:${hashSync('pässword:1', 4)}\n\nbob:${hashSync('b', 4)}\n`);
  metadata = await openMetadata(join(dir, 'registry.db'));
  auth = await createHtpasswd({ path });
});
afterEach(async () => {
  await auth[Symbol.asyncDispose]();
  await metadata[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

test('knows users by password, and nobody else', async () => {
  expect(await nameOf(auth, basic('ann', 'pässword:1'))).toBe('ann');
  expect(await nameOf(auth, basic('ann', 'b'))).toBeUndefined();
  expect(await nameOf(auth, basic('bob', 'b'))).toBe('bob');
  for (const header of [undefined, '', 'Bearer x', 'Basic', 'Basic !!', basic('', 'b'), basic('eve', 'b')]) {
    expect(await nameOf(auth, header)).toBeUndefined();
  }
});

test('a verified credential is not hashed again, and only that one', async () => {
  // One hash of this cost takes about a tenth of a second, two hundred of them twenty.
  const slow = join(dir, 'slow');
  await writeFile(slow, `ann:${hashSync('pw', 11)}\n`);
  await using dear = await createHtpasswd({ path: slow });
  expect(await nameOf(dear, basic('ann', 'pw'))).toBe('ann');
  const start = performance.now();
  for (let i = 0; i < 200; i += 1) await nameOf(dear, basic('ann', 'pw'));
  expect(performance.now() - start).toBeLessThan(8_000);
  expect(await nameOf(dear, basic('ann', 'wrong'))).toBeUndefined();
  expect(await nameOf(auth, basic('ann', 'wrong'))).toBeUndefined();
});

test('who is removed from the file is refused with the next request, also after a long silence', async () => {
  expect(await nameOf(auth, basic('bob', 'b'))).toBe('bob');
  const longAgo = Date.now() - 3_600_000;
  vi.spyOn(Date, 'now').mockReturnValue(longAgo + 7_200_000);
  await writeFile(path, `carl:${hashSync('c', 4)}\n`);
  expect(await nameOf(auth, basic('bob', 'b'))).toBeUndefined();
  expect(await nameOf(auth, basic('carl', 'c'))).toBe('carl');
  vi.restoreAllMocks();
});

test('a changed file counts within seconds, a broken one is refused at the start', async () => {
  expect(await nameOf(auth, basic('bob', 'b'))).toBe('bob');
  await writeFile(path, `carl:${hashSync('c', 4)}\n`);
  await utimes(path, new Date(), new Date(Date.now() + 5_000));
  await expect.poll(() => nameOf(auth, basic('bob', 'b')), { timeout: 5_000 }).toBeUndefined();
  expect(await nameOf(auth, basic('carl', 'c'))).toBe('carl');
  for (const text of ['no colon\n', 'md5:$apr1$x$y\n', 'plain:text\n']) {
    await writeFile(path, text);
    await expect(createHtpasswd({ path })).rejects.toMatchObject({
      code: accessErrors.htpasswdUnreadable.code,
    });
  }
  await expect(createHtpasswd({ path: join(dir, 'none') })).rejects.toMatchObject({
    code: accessErrors.htpasswdUnreadable.code,
  });
});

test('without credentials every path answers 401 with a challenge', async () => {
  await using wire = await startWireRegistry({ access: auth });
  for (const target of ['/v2/', '/v2/a/tags/list', '/v2/whatever']) {
    const answer = await wire.call('GET', target);
    expect([answer.status, answer.code, answer.headers['www-authenticate']]).toEqual([
      401,
      'UNAUTHORIZED',
      'Basic realm="lade registry"',
    ]);
  }
  const known = await wire.call('GET', '/v2/', { headers: { authorization: basic('bob', 'b') } });
  expect(known.status).toBe(200);
});
