import { createHmac, createPublicKey } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestIssuer, type TestIssuer } from './issuer-testing.ts';
import { basic, bearer, startAccessRegistry, TEST_CAUSE, type AccessRegistry } from './testing.ts';
import { satisfies } from './workloads.ts';

let issuer: TestIssuer;
let external: TestIssuer;
let registry: AccessRegistry;
const API = '/lade/v1/registry';

beforeAll(async () => {
  issuer = await startTestIssuer();
  external = await startTestIssuer('ES256');
  registry = await startAccessRegistry({
    external: { issuer: external.url, keys: `${external.url}/keys` },
    workloads: [
      {
        issuer: issuer.url,
        audience: 'registry.example',
        rules: [
          {
            claims: { repository: 'org/app', ref: 'refs/heads/*' },
            permissions: [{ pattern: 'team/**', actions: ['pull', 'push'] }],
          },
        ],
      },
    ],
    oidc: { issuer: issuer.url, clientId: 'lade', clientSecret: 's', administratorGroups: ['ops'] },
    certificates: 'commonName',
  });
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await issuer[Symbol.asyncDispose]();
  await external[Symbol.asyncDispose]();
});

const job = { aud: 'registry.example', sub: 'repo:org/app', repository: 'org/app', ref: 'refs/heads/main' };
const exchange = async (token: string) => {
  const body = JSON.stringify({ token });
  const answer = await registry.wire.call('POST', `${API}/oidc/exchange`, { body });
  return {
    status: answer.status,
    ...(answer.json as { token: string; expires_in: number; username: string }),
  };
};
const push = (repository: string, headers: Record<string, string>): Promise<number> =>
  registry.status('POST', `/v2/${repository}/blobs/uploads/`, headers);

describe('workloads', () => {
  test('exchange their token for a short one, which is a bearer token and a password', async () => {
    const got = await exchange(await issuer.sign(job));
    expect(got).toMatchObject({ status: 200, username: 'oidc' });
    expect(got.expires_in).toBeLessThanOrEqual(300);
    for (const headers of [bearer(got.token), basic('oidc', got.token)]) {
      expect(await push('team/app', headers)).toBe(202);
      expect(await push('other', headers)).toBe(403);
      expect(await registry.status('GET', `${API}/users`, headers)).toBe(403);
      expect(await registry.status('POST', `${API}/tokens`, headers, '{"name":"x"}')).toBe(403);
    }
    const scoped = await registry.token(
      'scope=repository:team/app:*&scope=repository:x:*',
      basic('oidc', got.token),
    );
    expect(scoped.scope).toBe('repository:team/app:pull,push');
    expect(await push('team/app', bearer(scoped.token))).toBe(202);
    // A token for one repository is not exchanged back into all of them.
    expect(await push('team/app', basic('oidc', scoped.token))).toBe(401);
  });

  test('log in with their own token as well', async () => {
    expect(await push('team/app', basic('oidc', await issuer.sign(job)))).toBe(202);
    expect(await push('team/app', bearer(await issuer.sign(job)))).toBe(401);
  });

  test('with other claims, audience, issuer or signature are nobody', async () => {
    const refused = async (token: string): Promise<number> => (await exchange(token)).status;
    expect(await refused(await issuer.sign({ ...job, repository: 'org/other' }))).toBe(401);
    expect(await refused(await issuer.sign({ ...job, repository: 'org/app2' }))).toBe(401);
    expect(await refused(await issuer.sign({ ...job, ref: 'refs/tags/v1' }))).toBe(401);
    expect(await refused(await issuer.sign({ ...job, ref: undefined }))).toBe(401);
    expect(await refused(await issuer.sign({ ...job, aud: 'other' }))).toBe(401);
    const past = await new SignJWT({ ...job, iss: issuer.url })
      .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
      .setExpirationTime(Math.floor(Date.now() / 1000) - 60)
      .sign(issuer.key);
    expect(await refused(past)).toBe(401);
    expect(await refused(await issuer.sign({ ...job, iss: 'https://elsewhere.example' }))).toBe(401);
    expect(await refused('not a token')).toBe(401);
    const own = await generateKeyPair('RS256');
    const forged = (header: object): Promise<string> =>
      new SignJWT({ ...job, iss: issuer.url })
        .setProtectedHeader({ alg: 'RS256', ...header })
        .setExpirationTime('5m')
        .sign(own.privateKey);
    expect(await refused(await forged({ kid: 'k1' }))).toBe(401);
    expect(await refused(await forged({ kid: 'k1', jwk: await exportJWK(own.publicKey) }))).toBe(401);
    expect(await refused(await forged({ kid: 'k1', jku: `${issuer.url}/evil` }))).toBe(401);
    expect(issuer.asked).not.toContain('/evil');
  });

  test('alg: none and HMAC with the public key are refused', async () => {
    const claims = { ...job, iss: issuer.url, exp: Math.floor(Date.now() / 1000) + 300 };
    expect((await exchange(new UnsecuredJWT(claims).encode())).status).toBe(401);
    const pem = createPublicKey({ key: issuer.publicJwk, format: 'jwk' }).export({
      type: 'spki',
      format: 'pem',
    });
    const text = [{ alg: 'HS256', kid: 'k1' }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const forged = `${text}.${createHmac('sha256', pem).update(text).digest('base64url')}`;
    expect((await exchange(forged)).status).toBe(401);
  });

  test('rules want every claim; * is any text, and nothing else is special', () => {
    const fits = (claims: Record<string, string>, payload: Record<string, unknown>): boolean =>
      satisfies({ claims }, payload);
    expect(fits({ a: 'x*z' }, { a: 'xyz' })).toBe(true);
    expect(fits({ a: 'x*z' }, { a: 'xy' })).toBe(false);
    expect(fits({ a: 'a*a' }, { a: 'a' })).toBe(false);
    expect(fits({ a: '*b*b*' }, { a: 'abcb' })).toBe(true);
    expect(fits({ a: '*b*b*' }, { a: 'abc' })).toBe(false);
    expect(fits({ a: '.*' }, { a: 'x' })).toBe(false);
    expect(fits({ a: 'x', b: 'y' }, { a: 'x' })).toBe(false);
    expect(fits({ a: 'x' }, { a: ['y', 'x'] })).toBe(true);
    expect(fits({ a: 'true' }, { a: true })).toBe(true);
    expect(fits({ a: '*' }, { a: { b: 1 } })).toBe(false);
  });
});

describe('an external token service', () => {
  const claims = (actions: readonly string[]) => ({
    aud: 'lade-registry',
    sub: 'zoe',
    access: [{ type: 'repository', name: 'far/app', actions }],
  });

  test('says itself what its tokens give, and nothing here adds to it', async () => {
    const token = await external.sign(claims(['pull', 'push']));
    expect(await push('far/app', bearer(token))).toBe(202);
    expect(await push('far/other', bearer(token))).toBe(401);
    expect(await push('far/app', bearer(await external.sign(claims(['pull']))))).toBe(401);
    expect(await registry.status('GET', `${API}/users`, bearer(token))).toBe(403);
    const asAnn = await external.sign({ ...claims(['pull']), sub: 'root' });
    expect(await registry.status('GET', `${API}/users`, bearer(asAnn))).toBe(403);
    const me = await registry.wire.call('GET', `${API}/account`, { headers: bearer(asAnn) });
    expect(me.json).toMatchObject({ name: 'external:root', administrator: false, groups: [] });
  });

  test('wrong audience, kind of key, algorithm or no signature are refused', async () => {
    expect(await push('far/app', bearer(await external.sign({ ...claims(['push']), aud: 'x' })))).toBe(401);
    expect(await push('far/app', bearer(await issuer.sign({ ...claims(['push']), iss: external.url })))).toBe(
      401,
    );
    const none = new UnsecuredJWT({ ...claims(['push']), iss: external.url }).encode();
    expect(await push('far/app', bearer(none))).toBe(401);
    const own = await generateKeyPair('ES256');
    const forged = await new SignJWT({ ...claims(['push']), iss: external.url })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1', jwk: await exportJWK(own.publicKey), x5c: ['x'] })
      .setExpirationTime('5m')
      .sign(own.privateKey);
    expect(await push('far/app', bearer(forged))).toBe(401);
  });

  test('its keys are fetched once, not for every token', async () => {
    const before = external.asked.length;
    for (let i = 0; i < 20; i += 1)
      await push(
        'far/app',
        bearer(await external.sign({ ...claims(['push']), jti: String(i) }, { kid: `x${i}` })),
      );
    expect(external.asked.length - before).toBeLessThanOrEqual(1);
  });
});

describe('people who sign in elsewhere', () => {
  const signIn = async (person: Record<string, unknown>, meanwhile?: (back: string) => string) => {
    issuer.person = person;
    const begun = await registry.wire.call('GET', `${API}/oidc/login?return=/panel`);
    const cookie = String(begun.headers['set-cookie']).split(';', 1)[0] ?? '';
    const back = issuer.visit(String(begun.headers.location));
    const done = await registry.wire.call('GET', meanwhile?.(back) ?? back, { headers: { cookie } });
    const cookies = [done.headers['set-cookie'] ?? []].flat();
    return { status: done.status, done, cookies, back, cookie, session: cookies[0]?.split(';', 1)[0] ?? '' };
  };

  test('get a session, an account, their groups, and what those are granted', async () => {
    const grant = { subject: { kind: 'group', name: 'devs' }, pattern: 'dev/**', role: 'writer' } as const;
    await registry.accounts.grant(grant, TEST_CAUSE);
    const { done, cookies, session } = await signIn({
      sub: '1',
      preferred_username: 'mia',
      groups: ['devs', 'everyone'],
    });
    expect([done.status, done.headers.location]).toEqual([302, '/panel']);
    expect(cookies[0]).toMatch(/^lade_session=ladeses_.*HttpOnly; SameSite=Lax/);
    const me = await registry.wire.call('GET', `${API}/account`, { headers: { cookie: session } });
    expect(me.json).toMatchObject({ name: 'mia', groups: ['devs'], administrator: false });
    const made = await registry.wire.call('POST', `${API}/tokens`, {
      headers: { cookie: session },
      body: '{"name":"cli"}',
    });
    const { secret } = made.json as { secret: string };
    expect(await push('dev/app', basic('mia', secret))).toBe(202);
    await registry.wire.call('POST', `${API}/oidc/logout`, { headers: { cookie: session } });
    expect(await registry.status('GET', `${API}/account`, { cookie: session })).toBe(401);
  });

  test('become administrators by their groups, and no longer when they leave them', async () => {
    const first = await signIn({ sub: '2', preferred_username: 'ops-person', groups: ['ops'] });
    expect(await registry.status('GET', `${API}/users`, { cookie: first.session })).toBe(200);
    const later = await signIn({ sub: '2', preferred_username: 'renamed', groups: [] });
    expect(await registry.status('GET', `${API}/users`, { cookie: later.session })).toBe(403);
    const me = await registry.wire.call('GET', `${API}/account`, { headers: { cookie: later.session } });
    expect(me.json).toMatchObject({ name: 'ops-person' });
  });

  test('do not get the account of somebody else by its name', async () => {
    expect((await signIn({ sub: '3', preferred_username: 'root' })).status).toBe(409);
    expect((await signIn({ sub: '4', preferred_username: 'robot+ci' })).status).toBe(401);
    expect((await signIn({ sub: '5' })).status).toBe(401);
  });

  test('cannot be made to end what another browser began, nor to end it twice', async () => {
    issuer.person = { sub: '6', preferred_username: 'kim' };
    const begun = await registry.wire.call('GET', `${API}/oidc/login`);
    const back = issuer.visit(String(begun.headers.location));
    expect(await registry.status('GET', back)).toBe(401);
    expect(await registry.status('GET', back, { cookie: 'lade_sign_in=other' })).toBe(401);
    const done = await signIn(issuer.person);
    expect(done.status).toBe(302);
    expect(await registry.status('GET', done.back, { cookie: done.cookie })).toBe(401);
    const swapped = await signIn({ ...issuer.person, nonce: 'another' });
    expect(swapped.status).toBe(401);
  });

  test('are sent back to this host only', async () => {
    for (const target of [
      '//evil.example',
      'https://evil.example',
      '/\\evil.example',
      '/a\r\nSet-Cookie:x',
    ]) {
      issuer.person = { sub: '7', preferred_username: 'lea' };
      const begun = await registry.wire.call('GET', `${API}/oidc/login?return=${encodeURIComponent(target)}`);
      const cookie = String(begun.headers['set-cookie']).split(';', 1)[0] ?? '';
      const done = await registry.wire.call('GET', issuer.visit(String(begun.headers.location)), {
        headers: { cookie },
      });
      expect(done.headers.location).toBe('/');
    }
  });

  test('write nothing when another site makes their browser ask', async () => {
    const { session } = await signIn({ sub: '8', preferred_username: 'noa' });
    const tryFrom = (headers: Record<string, string>): Promise<number> =>
      registry.status('POST', `${API}/tokens`, { cookie: session, ...headers }, '{"name":"t1"}');
    expect(await tryFrom({ origin: 'https://evil.example' })).toBe(403);
    expect(await tryFrom({ 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(await tryFrom({ origin: registry.wire.url, 'sec-fetch-site': 'same-origin' })).toBe(201);
  });
});

test('a client certificate is the user of its name, unless that account is disabled', async () => {
  const certificate = { name: 'ann', alternatives: [] };
  const call = () =>
    registry.access.authenticate({ authorization: undefined, address: '127.0.0.1', certificate });
  const caller = await call();
  expect([caller.name, caller.kind, caller.may('push', 'team/app')]).toEqual(['ann', 'certificate', true]);
  await registry.accounts.setDisabled('ann', true, TEST_CAUSE);
  expect((await call()).kind).toBe('anonymous');
  for (const name of ['', 'anonymous', 'robot+ci', 'a b'])
    expect(
      (
        await registry.access.authenticate({
          authorization: undefined,
          address: '127.0.0.1',
          certificate: { name, alternatives: [] },
        })
      ).kind,
    ).toBe('anonymous');
});
