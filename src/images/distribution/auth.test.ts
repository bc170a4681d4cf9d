import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { parseReference } from '#oci';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseChallenges } from './challenge.ts';
import { createRegistryClient, type Credentials, type RegistryClient } from './index.ts';
import { startScript, type ScriptedRegistry } from './testing.ts';

describe('challenges', () => {
  test('of Docker Hub, with quotes and commas', () => {
    const header =
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"';
    expect(parseChallenges(header)).toEqual([
      {
        kind: 'bearer',
        realm: 'https://auth.docker.io/token',
        service: 'registry.docker.io',
        scope: 'repository:a/b:pull,push',
      },
    ]);
  });

  test('several in one header, unknown ones, and nonsense', () => {
    expect(parseChallenges('Negotiate, Basic realm="a \\"b\\"", Bearer realm="https://x/t"')).toEqual([
      { kind: 'basic', realm: 'a "b"' },
      { kind: 'bearer', realm: 'https://x/t', service: undefined, scope: undefined },
    ]);
    for (const bad of ['', '=', '"', 'Bearer realm="not a url"', ',,,'])
      expect(parseChallenges(bad)).toEqual([]);
  });
});

describe('a registry with a token server', () => {
  let stack: AsyncDisposableStack;
  let registry: ScriptedRegistry;
  let tokens: ScriptedRegistry;
  let issued: number;
  let accepted: Set<string>;
  let forms: string[];

  const giveToken = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? '', 'http://x');
    const known = Buffer.from('ann:pw').toString('base64');
    void text(request).then((form) => {
      if (form !== '') forms.push(form);
      const refused =
        request.headers.authorization !== undefined && request.headers.authorization !== `Basic ${known}`;
      if (refused || (form !== '' && !form.includes('refresh_token=R1'))) {
        response
          .writeHead(401)
          .end('{"errors":[{"code":"UNAUTHORIZED","message":"incorrect username or password"}]}');
        return;
      }
      issued += 1;
      const scope = [...url.searchParams.getAll('scope'), new URLSearchParams(form).get('scope') ?? '']
        .join(' ')
        .trim();
      const token = `${scope}#${issued}`;
      accepted.add(`Bearer ${token}`);
      const refresh = url.searchParams.get('offline_token') === 'true' ? { refresh_token: 'R1' } : {};
      response.end(JSON.stringify({ access_token: token, expires_in: 300, ...refresh }));
    });
  };

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    issued = 0;
    accepted = new Set();
    forms = [];
    tokens = stack.use(await startScript(giveToken));
    registry = stack.use(
      await startScript((request, response) => {
        if (accepted.has(request.headers.authorization ?? '')) {
          response.end('{"schemaVersion":2,"name":"x","tags":["t"]}');
          return;
        }
        const realm = `http://${tokens.host}/token`;
        response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="svc"` });
        response.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
      }),
    );
  });
  afterEach(() => stack.disposeAsync());

  const clientFor = (credentials: Credentials | undefined): RegistryClient =>
    stack.use(createRegistryClient({ credentials: async () => credentials, retry: { backoffMs: 5 } }));
  const ann: Credentials = { kind: 'basic', username: 'ann', password: 'pw' };

  test('one token serves concurrent requests with the same scope', async () => {
    const repository = clientFor(ann).repository(parseReference(`${registry.host}/team/app`));
    await Promise.all(Array.from({ length: 8 }, () => repository.tags()));
    expect(issued).toBe(1);
    expect(tokens.seen[0]).toBe(
      'GET /token?service=svc&scope=repository%3Ateam%2Fapp%3Apull&client_id=lade&account=ann',
    );
  });

  test('a token that is no longer taken is replaced', async () => {
    const repository = clientFor(undefined).repository(parseReference(`${registry.host}/team/app`));
    await repository.tags();
    accepted.clear();
    expect(await repository.tags()).toEqual(['t']);
    expect(issued).toBe(2);
  });

  test('a refresh token is exchanged by POST', async () => {
    const client = clientFor({ kind: 'identity-token', token: 'R1' });
    expect(await client.repository(parseReference(`${registry.host}/a/b`)).tags()).toEqual(['t']);
    expect(Object.fromEntries(new URLSearchParams(forms[0]))).toEqual({
      grant_type: 'refresh_token',
      service: 'svc',
      client_id: 'lade',
      scope: 'repository:a/b:pull',
      refresh_token: 'R1',
    });
  });

  test('a login is proved, brings a refresh token, or fails with what to do', async () => {
    const client = clientFor(undefined);
    expect(await client.checkLogin(registry.host, ann)).toEqual({ identityToken: 'R1' });
    const wrong = client.checkLogin(registry.host, { ...ann, password: 'no' });
    await expect(wrong).rejects.toMatchObject({
      kind: 'unauthenticated',
      message: 'unauthorized: incorrect username or password',
      hint: expect.stringContaining(`lade login ${registry.host}`),
    });
  });
});

describe('a registry with Basic', () => {
  test('takes credentials on the second try only, and says who is missing', async () => {
    await using registry = await startScript((request, response) => {
      const known = `Basic ${Buffer.from('ann:pw').toString('base64')}`;
      if (request.headers.authorization === known) response.end('{"tags":["t"]}');
      else response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
    });
    const name = parseReference(`${registry.host}/a/b`);
    await using client = createRegistryClient({
      credentials: async () => ({ kind: 'basic', username: 'ann', password: 'pw' }),
    });
    await Promise.all([client.repository(name).tags(), client.repository(name).tags()]);
    await using stranger = createRegistryClient();
    await expect(stranger.repository(name).tags()).rejects.toMatchObject({
      code: 'DISTRIBUTION_UNAUTHORIZED',
      hint: expect.stringContaining('lade login'),
    });
    await stranger.ping(registry.host);
    await using wrong = createRegistryClient({
      credentials: async () => ({ kind: 'basic', username: 'ann', password: 'no' }),
    });
    await expect(wrong.ping(registry.host)).rejects.toMatchObject({ kind: 'unauthenticated' });
  });
});
