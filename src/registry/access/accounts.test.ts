import { hashSync } from 'bcryptjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSigningKeys } from './signing-keys.ts';
import { basic, bearer, startAccessRegistry, TEST_CAUSE, type AccessRegistry } from './testing.ts';

let registry: AccessRegistry;
const ann = basic('ann', 'ann-password');
const root = basic('root', 'root-password');
const API = '/lade/v1/registry';

beforeAll(async () => {
  registry = await startAccessRegistry();
});
afterAll(() => registry[Symbol.asyncDispose]());

const call = async (method: string, path: string, headers: Record<string, string>, body?: object) => {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const answer = await registry.wire.call(method, `${API}${path}`, { headers, body: text });
  return { status: answer.status, json: answer.json as Record<string, string>, text: answer.text };
};

/** Whether the credentials may pull and push. */
const rights = async (headers: Record<string, string>, repository: string): Promise<readonly number[]> => [
  await registry.status('GET', `/v2/${repository}/manifests/none`, headers),
  await registry.status('POST', `/v2/${repository}/blobs/uploads/`, headers),
];

describe('personal tokens', () => {
  test('stand for their owner within their permissions, and end at once', async () => {
    const made = await call('POST', '/tokens', ann, {
      name: 'laptop',
      permissions: [{ pattern: 'team/app', actions: ['pull'] }],
    });
    expect(made.json['secret']).toMatch(/^ladepat_[\w-]{43}$/);
    const pat = basic('ann', made.json['secret'] ?? '');
    expect(await rights(pat, 'team/app')).toEqual([404, 403]);
    expect(await rights(pat, 'team/other')).toEqual([403, 403]);
    const { token } = await registry.token('scope=repository:team/app:pull,push', pat);
    expect(await rights(bearer(token), 'team/app')).toEqual([404, 403]);
    expect(await rights(basic('root', made.json['secret'] ?? ''), 'team/app')).toEqual([401, 401]);
    expect((await call('DELETE', `/tokens/${made.json['id']}`, ann)).status).toBe(204);
    expect(await rights(pat, 'team/app')).toEqual([401, 401]);
    expect(await rights(bearer(token), 'team/app')).toEqual([401, 401]);
  });

  test('are stored as a digest, listed without it, and expire', async () => {
    const expiresMs = Date.now() + 3_600_000;
    const made = await call('POST', '/tokens', ann, { name: 'ends', expiresMs });
    const [stored] = registry.wire.storage.metadata.accounts.tokens('ann');
    expect(JSON.stringify(stored)).not.toContain(made.json['secret']);
    expect((await call('GET', '/tokens', ann)).text).not.toMatch(/digest|ladepat_/);
    const past = await registry.accounts.addToken(
      { owner: 'ann', name: 'ended', expiresMs: Date.now() - 1 },
      TEST_CAUSE,
    );
    expect(await rights(basic('ann', past.secret), 'team/app')).toEqual([401, 401]);
    expect(await rights(basic('ann', made.json['secret'] ?? ''), 'team/app')).toEqual([404, 202]);
  });

  test('make no tokens and change no password; one with limits administers nothing', async () => {
    const { secret } = await registry.accounts.addToken({ owner: 'ann', name: 'maker' }, TEST_CAUSE);
    const pat = basic('ann', secret);
    expect((await call('POST', '/tokens', pat, { name: 'more' })).status).toBe(403);
    const scoped = await registry.token('scope=repository:team/app:pull', ann);
    for (const shown of [pat, bearer(scoped.token)]) {
      expect((await call('DELETE', '/tokens/maker', shown)).status).toBe(403);
      expect((await call('GET', '/tokens', shown)).status).toBe(403);
    }
    expect((await call('PUT', '/account/password', pat, { password: 'stolen-now' })).status).toBe(403);
    const limited = await registry.accounts.addToken(
      { owner: 'root', name: 'ci', permissions: [{ pattern: '**', actions: ['pull'] }] },
      TEST_CAUSE,
    );
    expect((await call('GET', '/users', basic('root', limited.secret))).status).toBe(403);
    const { token } = await registry.token('scope=registry:self:*', basic('root', limited.secret));
    expect((await call('GET', '/users', bearer(token))).status).toBe(403);
    expect(await rights(basic('root', limited.secret), 'x')).toEqual([404, 403]);
  });

  test('of others are for administrators', async () => {
    expect((await call('GET', '/tokens?owner=root', ann)).status).toBe(403);
    expect((await call('POST', '/tokens', ann, { name: 'x', owner: 'root' })).status).toBe(403);
    const mine = await registry.accounts.addToken({ owner: 'root', name: 'mine' }, TEST_CAUSE);
    expect((await call('DELETE', `/tokens/${mine.id}`, ann)).status).toBe(404);
    expect((await call('DELETE', `/tokens/${mine.id}?owner=root`, root)).status).toBe(204);
  });
});

describe('robots', () => {
  test('may what they were made for and what they are granted, until they get a new secret', async () => {
    const made = await call('POST', '/robots', root, {
      name: 'ci',
      permissions: [{ pattern: 'team/**', actions: ['pull', 'push'] }],
    });
    expect(made.json['name']).toBe('robot+ci');
    const robot = basic('robot+ci', made.json['secret'] ?? '');
    expect(await rights(robot, 'team/app')).toEqual([404, 202]);
    expect(await rights(robot, 'other')).toEqual([403, 403]);
    const { token } = await registry.token('scope=repository:team/app:pull', robot);
    await registry.accounts.grant(
      { subject: { kind: 'robot', name: 'ci' }, pattern: 'other', role: 'reader' },
      TEST_CAUSE,
    );
    expect(await rights(robot, 'other')).toEqual([404, 403]);
    const next = await call('POST', '/robots/robot%2Bci/rotate', root);
    expect(await rights(robot, 'team/app')).toEqual([401, 401]);
    expect(await rights(bearer(token), 'team/app')).toEqual([401, 401]);
    expect(await rights(basic('robot+ci', next.json['secret'] ?? ''), 'team/app')).toEqual([404, 202]);
    expect(
      (await call('POST', '/tokens', basic('robot+ci', next.json['secret'] ?? ''), { name: 'x' })).status,
    ).toBe(403);
  });

  test('are nobody among everyone', async () => {
    const everyone = {
      subject: { kind: 'group', name: 'everyone' },
      pattern: 'shared',
      role: 'reader',
    } as const;
    await registry.accounts.grant(everyone, TEST_CAUSE);
    const { secret } = await registry.accounts.addRobot({ name: 'alone', permissions: [] }, TEST_CAUSE);
    expect(await rights(basic('robot+alone', secret), 'shared')).toEqual([403, 403]);
    expect(await rights(ann, 'shared')).toEqual([404, 403]);
  });
});

describe('users', () => {
  test('administration is for administrators, and no answer has a hash', async () => {
    for (const [method, path] of [
      ['GET', '/users'],
      ['POST', '/users'],
      ['POST', '/users/ann'],
      ['DELETE', '/users/ann'],
      ['GET', '/robots'],
      ['POST', '/robots'],
      ['POST', '/htpasswd'],
    ] as const) {
      expect([path, (await call(method, path, ann, {})).status]).toEqual([path, 403]);
      expect([path, (await call(method, path, {}, {})).status]).toEqual([path, 401]);
    }
    expect((await call('GET', '/users', root)).text).not.toMatch(/scrypt|secretHash/);
  });

  test('change their own password, and nobody is called what means something', async () => {
    await call('POST', '/users', root, { name: 'carl', password: 'carl-password' });
    const change = (body: object) => call('PUT', '/account/password', basic('carl', 'carl-password'), body);
    const password = 'other-password';
    expect((await change({ password })).status).toBe(403);
    expect((await change({ password, oldPassword: 'carl-passwort' })).status).toBe(403);
    expect((await change({ password, oldPassword: 'carl-password' })).status).toBe(200);
    expect(await registry.status('GET', '/v2/', basic('carl', 'carl-password'))).toBe(401);
    expect(await registry.status('GET', '/v2/', basic('carl', 'other-password'))).toBe(200);
    for (const name of ['anonymous', 'everyone', 'robot+x', 'a:b', 'a\nb', '', '.x', 'oidc', 'x'.repeat(200)])
      expect([name, (await call('POST', '/users', root, { name })).status]).toEqual([name, 400]);
    expect((await call('POST', '/users', root, { name: 'carl' })).status).toBe(409);
    expect((await call('POST', '/users', root, { name: 'dora', password: 'short' })).status).toBe(400);
  });

  test('are changed in one piece, or not at all', async () => {
    await call('POST', '/users', root, { name: 'finn', password: 'finn-password' });
    const { accounts, journal } = registry.wire.storage.metadata;
    const before = accounts.account('finn');
    const bad = { disabled: true, administrator: true, password: 'short' };
    expect((await call('POST', '/users/finn', root, bad)).status).toBe(400);
    expect(accounts.account('finn')).toEqual(before);
    expect((await call('POST', '/users/finn', root, {})).status).toBe(200);
    expect((await call('POST', '/users/nobody', root, { disabled: true })).status).toBe(404);
    const last = journal.lastId();
    const all = { disabled: true, administrator: true, password: 'longer-password' };
    expect((await call('POST', '/users/finn', root, all)).status).toBe(200);
    expect(accounts.account('finn')).toMatchObject({ disabled: true, administrator: true });
    expect(journal.entries({ limit: 10, after: last }).map(({ reason }) => reason)).toEqual([
      'user finn: new secret, administrator, disabled',
    ]);
  });

  test('of an htpasswd file are taken over, and their hashes made anew', async () => {
    const htpasswd = `old:${hashSync('old-password', 4)}\nann:${hashSync('other', 4)}\n`;
    expect((await call('POST', '/htpasswd', root, { htpasswd })).json['added']).toEqual(['old']);
    expect(await registry.status('GET', '/v2/', basic('old', 'old-password'))).toBe(200);
    expect(registry.wire.storage.metadata.accounts.account('old')?.secretHash).toMatch(/^\$scrypt\$/);
    expect(await registry.status('GET', '/v2/', basic('old', 'old-password'))).toBe(200);
    expect(await registry.status('GET', '/v2/', basic('old', 'wrong-password'))).toBe(401);
    expect(await registry.status('GET', '/v2/', ann)).toBe(200);
  });

  test('with identity tokens on, a refresh token counts as their password until it is changed', async () => {
    await using own = await startAccessRegistry({ tokens: { identityTokens: true } });
    const got = await own.token('offline_token=true', ann);
    const shown = basic('ann', got.refresh_token ?? '');
    expect(await own.status('GET', '/v2/', shown)).toBe(200);
    expect(await own.status('GET', '/v2/', basic('root', got.refresh_token ?? ''))).toBe(401);
    const stolen = async (name: string, method: string, path: string, oldPassword?: string) => {
      const { refresh_token = '' } = await own.token('offline_token=true', basic(name, `${name}-password`));
      const body = JSON.stringify({ password: 'stolen-now', oldPassword: oldPassword ?? refresh_token });
      return own.status(method, `${API}${path}`, basic(name, refresh_token), body);
    };
    expect(await stolen('ann', 'PUT', '/account/password')).toBe(403);
    expect(await stolen('root', 'POST', '/users/root')).toBe(403);
    expect(await stolen('root', 'POST', '/users/root', 'root-password')).toBe(200);
    await own.accounts.setPassword('ann', 'another-password', TEST_CAUSE);
    expect(await own.status('GET', '/v2/', shown)).toBe(401);
    expect((await registry.token('offline_token=true', ann)).refresh_token).toBeUndefined();
  });

  test('every change is in the journal, and no secret is', async () => {
    const { entries } = (await call('GET', '/audit?limit=1000', root)).json as unknown as {
      entries: { reason?: string; outcome: string; cause: { actor: string } }[];
    };
    const reasons = entries.map(({ reason = '' }) => reason);
    for (const expected of ['user carl added', 'robot robot+ci added', 'token laptop of ann revoked'])
      expect(reasons).toContain(expected);
    expect(JSON.stringify(entries)).not.toMatch(/ladepat_|laderob_|scrypt|-password/);
  });
});

test('an admin of repositories decides about each of them by name, and about nothing else', async () => {
  const grant = (subject: string, pattern: string, role: string) =>
    call('PUT', '/grants', basic('lea', 'lea-password'), {
      subject: { kind: 'user', name: subject },
      pattern,
      role,
    });
  await registry.accounts.addUser({ name: 'lea', password: 'lea-password' }, TEST_CAUSE);
  const lea = { kind: 'user', name: 'lea' } as const;
  await registry.accounts.grant({ subject: lea, pattern: 'lab/**', role: 'admin' }, TEST_CAUSE);
  await registry.accounts.grant({ subject: lea, pattern: 'lab/secret/**', role: 'reader' }, TEST_CAUSE);
  expect((await grant('ann', 'lab/app', 'writer')).status).toBe(200);
  expect(await rights(ann, 'lab/app')).toEqual([404, 202]);
  for (const pattern of ['**', 'lab/**', 'lab/secret/x', 'lab/*ecret/abcdefghijklmn', 'team/app'])
    expect([pattern, (await grant('lea', pattern, 'admin')).status]).toEqual([pattern, 403]);
  const { json } = await call('GET', '/grants', basic('lea', 'lea-password'));
  expect(json['grants']).toEqual([expect.objectContaining({ pattern: 'lab/app' })]);
});

test('keys are replaced when they are old; tokens outlive that once, and none survives a dropped key', async () => {
  await using own = await startAccessRegistry();
  const { accounts } = own.wire.storage.metadata;
  const ids = (): readonly string[] => accounts.signingKeys().map(({ id }) => id);
  const pull = 'scope=repository:team/app:pull';
  const works = (token: string): Promise<number> =>
    own.status('GET', '/v2/team/app/manifests/none', bearer(token));
  const { token: first } = await own.token(pull, ann);
  const [oldest = ''] = ids();
  await createSigningKeys({ accounts, rotateMs: -1, keepMs: 3_600_000 }).current();
  expect(ids()).toHaveLength(2);
  const { token: second } = await own.token(pull, ann);
  expect([await works(first), await works(second)]).toEqual([404, 404]);
  // The oldest one was replaced longer ago than its tokens count.
  await createSigningKeys({ accounts, rotateMs: -1, keepMs: -1 }).current();
  expect(ids()).not.toContain(oldest);
  expect(await works(first)).toBe(401);
  const admin = { headers: root, body: '{"drop":true}' };
  const { token: third } = await own.token(pull, ann);
  expect((await own.wire.call('POST', `${API}/signing-keys`, admin)).status).toBe(200);
  expect(ids()).toHaveLength(1);
  const told = own.wire.storage.metadata.journal.entries({ limit: 1000 });
  expect(told.slice(-2).map(({ reason, cause }) => [cause.actor, reason?.replace(/key \S+/, 'key')])).toEqual(
    [
      ['root', 'signing key added'],
      ['root', 'signing key removed'],
    ],
  );
  expect(await works(third)).toBe(401);
  expect(await works((await own.token(pull, ann)).token)).toBe(404);
});

describe('guessing', () => {
  test('unknown names cost as many hashes as known ones', async () => {
    const { passwords } = registry;
    const cost = async (name: string, password: string): Promise<number> => {
      const before = passwords.computed();
      await registry.status('GET', '/v2/', basic(name, password));
      return passwords.computed() - before;
    };
    expect(await cost('ann', 'wrong-password')).toBe(1);
    expect(await cost('nobody-here', 'wrong-password')).toBe(1);
    expect(await cost('robot+nobody', 'wrong-password')).toBe(1);
    await registry.accounts.setDisabled('carl', true, TEST_CAUSE);
    expect(await cost('carl', 'wrong-password')).toBe(1);
    expect(await cost('ann', 'ann-password')).toBeLessThanOrEqual(1);
    expect(await cost('ann', 'ann-password')).toBe(0);
  });

  test('slows down, ends with 429 and Retry-After, and is written down without the password', async () => {
    await using own = await startAccessRegistry();
    const statuses: number[] = [];
    for (let i = 0; i < 14; i += 1)
      statuses.push(await own.status('GET', '/v2/', basic('ann', `guess-number-${i}`)));
    expect(statuses.filter((status) => status === 401)).toHaveLength(12);
    expect(own.waited.length).toBeGreaterThan(5);
    const last = await own.wire.call('GET', '/v2/', { headers: basic('ann', 'ann-password') });
    expect([last.status, last.code, Number(last.headers['retry-after'])]).toEqual([
      429,
      'TOOMANYREQUESTS',
      expect.any(Number),
    ]);
    await expect.poll(() => own.wire.storage.metadata.journal.lastId()).toBeGreaterThan(10);
    const entries = own.wire.storage.metadata.journal.entries({ limit: 100, outcome: 'refused' });
    expect(
      entries.some(
        ({ cause, reason }) => cause.actor === 'ann' && reason === 'login: wrong name or password',
      ),
    ).toBe(true);
    expect(JSON.stringify(entries)).not.toContain('guess-number');
  });
});
