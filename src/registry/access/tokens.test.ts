import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto';
import {
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  importJWK,
  jwtVerify,
  SignJWT,
  UnsecuredJWT,
} from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { basic, bearer, startAccessRegistry, TEST_CAUSE, type AccessRegistry } from './testing.ts';

let registry: AccessRegistry;
let token: string;
const ann = basic('ann', 'ann-password');
const PULL = 'scope=repository:team/app:pull';

beforeAll(async () => {
  registry = await startAccessRegistry();
  await registry.wire.storage.metadata.contents.linkBlob({
    repository: 'team/app',
    digest: `sha256:${'0'.repeat(64)}` as never,
    size: 1,
    how: 'push',
    cause: TEST_CAUSE,
  });
  ({ token } = await registry.token('scope=repository:team/app:pull,push', ann));
});
afterAll(() => registry[Symbol.asyncDispose]());

/** 401 where the token is refused; what a missing tag answers where it is taken. */
const tryToken = (text: string, path = '/v2/team/app/manifests/none'): Promise<number> =>
  registry.status('GET', path, bearer(text));

const privateJwk = () => {
  const [key] = registry.wire.storage.metadata.accounts.signingKeys();
  return JSON.parse(key?.jwk ?? '{}') as Record<string, string>;
};

/** The genuine token with other claims, signed with the registry's own key. */
const resigned = async (change: object, header: object = {}): Promise<string> => {
  const key = await importJWK({ ...privateJwk(), kty: 'EC' }, 'ES256');
  const { kid } = decodeProtectedHeader(token);
  return new SignJWT({ ...decodeJwt(token), ...change })
    .setProtectedHeader({ alg: 'ES256', typ: 'JWT', ...(kid === undefined ? {} : { kid }), ...header })
    .sign(key);
};

describe('the token endpoint', () => {
  test('challenges with realm, service and scope of the host that was called', async () => {
    const answer = await registry.wire.call('GET', '/v2/team/app/manifests/x');
    expect(answer.headers['www-authenticate']).toBe(
      `Bearer realm="${registry.wire.url}/token",service="lade-registry",scope="repository:team/app:pull"`,
    );
    const push = await registry.wire.call('POST', '/v2/team/app/blobs/uploads/');
    expect(push.headers['www-authenticate']).toContain('scope="repository:team/app:pull,push"');
  });

  test('gives the intersection, with the claims of the specification', async () => {
    const query =
      'service=lade-registry&scope=repository:team/app:pull,push,delete&scope=repository:other:pull';
    const answer = await registry.token(`${query}%20registry:catalog:*`, ann);
    expect(answer.expires_in).toBeGreaterThanOrEqual(60);
    const { keys } = (await registry.wire.call('GET', '/token/keys')).json as { keys: object[] };
    expect(JSON.stringify(keys)).not.toContain('"d"');
    const key = createPublicKey({ key: keys[0] as never, format: 'jwk' });
    const { payload, protectedHeader } = await jwtVerify(answer.token, key);
    expect(protectedHeader).toMatchObject({ alg: 'ES256', typ: 'JWT' });
    expect(payload).toMatchObject({
      iss: 'lade',
      sub: 'ann',
      aud: 'lade-registry',
      access: [
        { type: 'repository', name: 'team/app', actions: ['pull', 'push'] },
        { type: 'registry', name: 'catalog', actions: ['*'] },
      ],
    });
    expect(Number(payload.exp) - Number(payload.iat)).toBe(answer.expires_in);
  });

  test('knows nobody by wrong credentials, and everybody as anonymous', async () => {
    expect(await registry.token(PULL, basic('ann', 'no-password'))).toMatchObject({ status: 401 });
    expect(await registry.token('scope=repository:pub/x:pull,push')).toMatchObject({
      status: 200,
      scope: 'repository:pub/x:pull',
    });
    const { token: open } = await registry.token('scope=repository:pub/x:pull');
    expect(await registry.status('GET', '/v2/pub/x/manifests/none', bearer(open))).toBe(404);
    expect(await tryToken(open)).toBe(401);
    // Who called from where is for those who are somebody.
    expect(await registry.status('GET', '/v2/', bearer(open))).toBe(200);
    expect(await registry.status('GET', '/lade/v1/registry/events?follow=false', bearer(open))).toBe(401);
    expect(await registry.token('service=other', ann)).toMatchObject({ status: 400 });
  });

  test('speaks OAuth2 with password and refresh token', async () => {
    const post = async (form: Record<string, string>) => {
      const body = new URLSearchParams({ service: 'lade-registry', client_id: 'test', ...form }).toString();
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const answer = await registry.wire.call('POST', '/token', { headers, body });
      return { status: answer.status, ...(answer.json as { access_token: string; refresh_token?: string }) };
    };
    const password = { grant_type: 'password', username: 'ann', password: 'ann-password' };
    const first = await post({ ...password, access_type: 'offline', scope: 'repository:team/app:pull' });
    expect(first.refresh_token).toMatch(/^laderef_/);
    const refresh = { grant_type: 'refresh_token', refresh_token: first.refresh_token ?? '' };
    const next = await post({ ...refresh, scope: 'repository:team/app:pull,push repository:other:push' });
    expect(decodeJwt(next.access_token)['access']).toEqual([
      { type: 'repository', name: 'team/app', actions: ['pull', 'push'] },
    ]);
    expect(await tryToken(next.access_token)).toBe(404);
    expect((await post({ ...refresh, refresh_token: 'laderef_x' })).status).toBe(401);
    expect((await post({ ...refresh, service: 'other' })).status).toBe(400);
    expect((await post({ grant_type: 'client_credentials' })).status).toBe(400);
    await registry.accounts.setPassword('ann', 'ann-password', TEST_CAUSE);
    expect((await post(refresh)).status).toBe(401);
    ({ token } = await registry.token('scope=repository:team/app:pull,push', ann));
  });
});

describe('attacks with tokens', () => {
  test('a genuine token is taken, and so is one that was signed again', async () => {
    expect(await tryToken(token)).toBe(404);
    expect(await tryToken(await resigned({}))).toBe(404);
  });

  test('alg: none is refused, in every spelling', async () => {
    const none = new UnsecuredJWT(decodeJwt(token)).encode();
    expect(await tryToken(none)).toBe(401);
    const [, payload, signature] = token.split('.');
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '', 'ES256K']) {
      const header = Buffer.from(JSON.stringify({ ...decodeProtectedHeader(token), alg })).toString(
        'base64url',
      );
      expect(await tryToken(`${header}.${payload}.`)).toBe(401);
      expect(await tryToken(`${header}.${payload}.${signature}`)).toBe(401);
    }
  });

  test('the public key is no secret of HMAC', async () => {
    const { keys } = (await registry.wire.call('GET', '/token/keys')).json as { keys: { kid: string }[] };
    const key = createPublicKey({ key: keys[0] as never, format: 'jwk' });
    const secrets = [
      key.export({ type: 'spki', format: 'pem' }).toString(),
      key.export({ type: 'spki', format: 'der' }),
      JSON.stringify(keys[0]),
    ];
    const header = { alg: 'HS256', typ: 'JWT', kid: keys[0]?.kid };
    const text = [header, decodeJwt(token)]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    for (const secret of secrets) {
      const forged = `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
      expect(await tryToken(forged)).toBe(401);
    }
  });

  test('a key that the token brings along proves nothing', async () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = await exportJWK(pair.publicKey);
    const { kid } = decodeProtectedHeader(token);
    for (const header of [
      { jwk },
      { jwk, kid },
      { kid },
      { x5c: ['MIIB'], kid },
      { jku: 'http://127.0.0.1:1/', kid },
    ]) {
      const forged = await new SignJWT(decodeJwt(token))
        .setProtectedHeader({ alg: 'ES256', typ: 'JWT', ...header } as never)
        .sign(pair.privateKey);
      expect(await tryToken(forged)).toBe(401);
    }
    expect(await tryToken(await resigned({}, { kid: 'another' }))).toBe(401);
    expect(await tryToken(await resigned({}, { typ: 'at+jwt' }))).toBe(401);
  });

  test('wrong audience, wrong issuer, expired and not yet valid ones are refused', async () => {
    const now = Math.floor(Date.now() / 1000);
    expect(await tryToken(await resigned({ aud: 'another-registry' }))).toBe(401);
    expect(await tryToken(await resigned({ iss: 'somebody' }))).toBe(401);
    expect(await tryToken(await resigned({ exp: now - 1 }))).toBe(401);
    expect(await tryToken(await resigned({ nbf: now + 600 }))).toBe(401);
    for (const missing of ['exp', 'sub', 'aud', 'iss', 'jti'])
      expect([missing, await tryToken(await resigned({ [missing]: undefined }))]).toEqual([missing, 401]);
  });

  test('a token of another registry is refused, also with the same names', async () => {
    await using other = await startAccessRegistry();
    const foreign = await other.token('scope=repository:team/app:pull,push', ann);
    expect(await tryToken(foreign.token)).toBe(401);
  });

  test('a token cannot be widened: neither its text, nor its scopes, nor its repository', async () => {
    const { token: narrow } = await registry.token(PULL, ann);
    expect(await registry.status('POST', '/v2/team/app/blobs/uploads/', bearer(narrow))).toBe(401);
    expect(await tryToken(narrow, '/v2/team/other/manifests/x')).toBe(401);
    expect(await tryToken(narrow, '/v2/secret/x/manifests/x')).toBe(403);
    const [header, , signature] = narrow.split('.');
    const wide = { ...decodeJwt(narrow), access: [{ type: 'repository', name: 'secret/x', actions: ['*'] }] };
    const payload = Buffer.from(JSON.stringify(wide)).toString('base64url');
    expect(await tryToken(`${header}.${payload}.${signature}`, '/v2/secret/x/manifests/x')).toBe(401);
    // Even a genuine one that says more than the account may gives no more.
    const all = await resigned({ access: [{ type: 'repository', name: 'secret/x', actions: ['*'] }] });
    expect(await tryToken(all, '/v2/secret/x/manifests/x')).toBe(403);
    expect((await registry.token('scope=repository:team/app:*', ann)).scope).toBe(
      'repository:team/app:pull,push',
    );
    expect((await registry.token('scope=repository:**:pull', ann)).scope).toBe('');
    expect((await registry.token('scope=repository:../team/app:pull', ann)).scope).toBe('');
  });

  test('a token administers nothing unless that was asked for', async () => {
    const root = basic('root', 'root-password');
    const plain = await registry.token('scope=repository:team/app:*', root);
    expect(await registry.status('GET', '/lade/v1/registry/users', bearer(plain.token))).toBe(403);
    const self = await registry.token('scope=registry:self:*', root);
    expect(await registry.status('GET', '/lade/v1/registry/users', bearer(self.token))).toBe(200);
    const hers = await registry.token('scope=registry:self:*', ann);
    expect(await registry.status('GET', '/lade/v1/registry/users', bearer(hers.token))).toBe(403);
  });

  test('replay after its account is disabled, after a new password, or after a lost grant is refused at once', async () => {
    const { accounts } = registry;
    await accounts.addUser({ name: 'eve', password: 'eve-password' }, TEST_CAUSE);
    const grant = { subject: { kind: 'user', name: 'eve' }, pattern: 'team/app' } as const;
    await accounts.grant({ ...grant, role: 'reader' }, TEST_CAUSE);
    const eve = basic('eve', 'eve-password');
    const fresh = async (): Promise<string> => (await registry.token(PULL, eve)).token;
    let shown = await fresh();
    expect(await tryToken(shown)).toBe(404);
    await accounts.setDisabled('eve', true, TEST_CAUSE);
    expect(await tryToken(shown)).toBe(401);
    expect(await registry.status('GET', '/v2/', eve)).toBe(401);
    await accounts.setDisabled('eve', false, TEST_CAUSE);
    expect(await tryToken(shown)).toBe(404);
    await accounts.setPassword('eve', 'new-password', TEST_CAUSE);
    expect(await tryToken(shown)).toBe(401);
    expect(await registry.status('GET', '/v2/', eve)).toBe(401);
    ({ token: shown } = await registry.token(PULL, basic('eve', 'new-password')));
    expect(await tryToken(shown)).toBe(404);
    await accounts.ungrant(grant, TEST_CAUSE);
    expect(await tryToken(shown)).toBe(403);
    await accounts.remove('eve', 'user', TEST_CAUSE);
    expect(await tryToken(shown)).toBe(401);
  });

  test('a token of a removed account says nothing for a later one of the same name', async () => {
    const { accounts } = registry;
    const grant = { subject: { kind: 'user', name: 'zoe' }, pattern: 'team/app', role: 'reader' } as const;
    const join = async (password: string): Promise<string> => {
      await accounts.addUser({ name: 'zoe', password }, TEST_CAUSE);
      await accounts.grant(grant, TEST_CAUSE);
      return (await registry.token(PULL, basic('zoe', password))).token;
    };
    const former = await join('first-password');
    expect(await tryToken(former)).toBe(404);
    await accounts.remove('zoe', 'user', TEST_CAUSE);
    const present = await join('second-password');
    expect([await tryToken(former), await tryToken(present)]).toEqual([401, 404]);
  });

  test('the host that a client names cannot break out of the challenge', async () => {
    for (const host of ['evil"x', 'a b', 'x,scope="repository:a:*"', 'evil.example/path?']) {
      const { access } = registry;
      const challenge = access.challenge([{ kind: 'login' }], {
        origin: `http://${host}`,
        authorization: undefined,
      });
      expect(challenge).toBe('Bearer realm="http://localhost/token",service="lade-registry"');
    }
  });
});
