import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { HttpClient } from '#http';
import { parseDigest, parseReference } from '#oci';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createAuthorizer } from './authorizer.ts';
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

test('no challenge makes the reader fail or loop', () => {
  const part = fc.constantFrom(
    'Bearer',
    'Basic',
    ' ',
    ',',
    '=',
    '"',
    'realm',
    'https://x/t',
    '\\',
    'a',
    '\t',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 60 }), (parts) => {
      for (const found of parseChallenges(parts.join(''))) expect(['basic', 'bearer']).toContain(found.kind);
    }),
    { numRuns: 3000 },
  );
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

describe('odd token servers', () => {
  /** A registry that takes `good` and sends everybody else to the realm. */
  const guarded = (challenge: () => string, good: () => string) =>
    startScript((request, response) => {
      request.resume();
      if (request.headers.authorization === good()) {
        response.writeHead(request.method === 'POST' ? 201 : 200).end('{"tags":["t"]}');
      } else response.writeHead(401, { 'www-authenticate': challenge() }).end();
    });

  test('a mount asks for both repositories at once', async () => {
    await using tokens = await startScript((_request, response) => response.end('{"token":"T"}'));
    await using registry = await guarded(
      () => `Bearer realm="http://${tokens.host}/token"`,
      () => 'Bearer T',
    );
    await using client = createRegistryClient();
    const repository = client.repository(parseReference(`${registry.host}/team/to`));
    const digest = `sha256:${'a'.repeat(64)}`;
    expect(await repository.mountBlob(parseDigest(digest), 'team/from')).toBe('mounted');
    const url = new URL(tokens.seen[0]?.split(' ')[1] ?? '', 'http://x');
    expect(url.searchParams.getAll('scope')).toEqual([
      'repository:team/to:pull,push',
      'repository:team/from:pull',
    ]);
  });

  test('a token server without GET gets the password in a form', async () => {
    const forms: string[] = [];
    await using tokens = await startScript((request, response) => {
      if (request.method === 'GET') return void response.writeHead(405).end();
      return void text(request).then((form) => {
        forms.push(form);
        response.end('{"access_token":"T"}');
      });
    });
    await using registry = await guarded(
      () => `Bearer realm="http://${tokens.host}/token",service="s"`,
      () => 'Bearer T',
    );
    await using client = createRegistryClient({
      credentials: async () => ({ kind: 'basic', username: 'ann', password: 'p w' }),
    });
    expect(await client.repository(parseReference(`${registry.host}/a/b`)).tags()).toEqual(['t']);
    expect(Object.fromEntries(new URLSearchParams(forms[0]))).toEqual({
      grant_type: 'password',
      username: 'ann',
      password: 'p w',
      service: 's',
      client_id: 'lade',
      scope: 'repository:a/b:pull',
    });
  });

  test('a token server that is busy is asked again', async () => {
    let calls = 0;
    await using tokens = await startScript((_request, response) => {
      calls += 1;
      if (calls === 1) response.writeHead(503).end();
      else if (calls === 2) response.writeHead(429, { 'retry-after': '0' }).end();
      else response.end('{"token":"T"}');
    });
    await using registry = await guarded(
      () => `Bearer realm="http://${tokens.host}/token"`,
      () => 'Bearer T',
    );
    await using client = createRegistryClient({ retry: { backoffMs: 5 } });
    expect(await client.repository(parseReference(`${registry.host}/a/b`)).tags()).toEqual(['t']);
    expect(calls).toBe(3);
  });

  test('a mount that is refused is an upload', async () => {
    for (const status of [400, 401, 403, 404, 405]) {
      await using registry = await startScript((request, response) => {
        request.resume();
        if (request.url === '/v2/') response.end('{}');
        else response.writeHead(status, { 'www-authenticate': 'Basic realm="r"' }).end();
      });
      await using client = createRegistryClient();
      const repository = client.repository(parseReference(`${registry.host}/team/to`));
      const digest = parseDigest(`sha256:${'a'.repeat(64)}`);
      expect(await repository.mountBlob(digest, 'team/from')).toBe('upload-needed');
    }
  });

  test('a refresh token that is replaced is not used again', async () => {
    const used: (string | null)[] = [];
    await using tokens = await startScript((request, response) => {
      void text(request).then((form) => {
        used.push(new URLSearchParams(form).get('refresh_token'));
        response.end(
          JSON.stringify({ access_token: `T${used.length}`, refresh_token: `R${used.length + 1}` }),
        );
      });
    });
    let accepted = 'Bearer T1';
    await using registry = await guarded(
      () => `Bearer realm="http://${tokens.host}/token"`,
      () => accepted,
    );
    await using client = createRegistryClient({
      credentials: async () => ({ kind: 'identity-token', token: 'R1' }),
    });
    const repository = client.repository(parseReference(`${registry.host}/a/b`));
    await repository.tags();
    accepted = 'Bearer T2';
    await repository.tags();
    expect(used).toEqual(['R1', 'R2']);
  });

  test('a token that lives too short for two calls is fetched again', async () => {
    let issued = 0;
    await using tokens = await startScript((_request, response) => {
      issued += 1;
      response.end(JSON.stringify({ token: `T${issued}`, expires_in: 1 }));
    });
    await using registry = await guarded(
      () => `Bearer realm="http://${tokens.host}/token"`,
      () => `Bearer T${issued}`,
    );
    await using client = createRegistryClient();
    const repository = client.repository(parseReference(`${registry.host}/a/b`));
    await Promise.all([repository.tags(), repository.tags()]);
    expect(issued).toBe(1);
  });

  test('several challenges: the token server goes first, Basic where there is no usable one', async () => {
    const basic = `Basic ${Buffer.from('ann:pw').toString('base64')}`;
    const credentials = async (): Promise<Credentials> => ({
      kind: 'basic',
      username: 'ann',
      password: 'pw',
    });
    for (const challenge of ['Bearer realm="nonsense", Basic realm="r"', 'Negotiate, Basic realm="r"']) {
      await using registry = await guarded(
        () => challenge,
        () => basic,
      );
      await using client = createRegistryClient({ credentials });
      expect(await client.repository(parseReference(`${registry.host}/a/b`)).tags()).toEqual(['t']);
    }
  });

  test('secrets for a host with TLS do not leave by plain HTTP; asking without any may', async () => {
    const asked: string[] = [];
    const http: HttpClient = {
      request: async ({ url }) => {
        asked.push(String(url));
        return { status: 200, headers: {}, body: Readable.from([Buffer.from('{"token":"T"}')]) };
      },
      upgrade: () => Promise.reject(new Error('not here')),
      [Symbol.asyncDispose]: async () => undefined,
    };
    const refusal = {
      status: 401,
      headers: { 'www-authenticate': 'Bearer realm="http://token.example/t"' },
      body: Readable.from([]),
    };
    const wish = { repository: 'a/b', scopes: ['repository:a/b:pull'] };
    const learn = (credentials: Credentials | undefined, allowPlain: boolean) =>
      createAuthorizer({ host: 'reg.example', http, allowPlain, credentials: async () => credentials }).learn(
        refusal,
        wish,
        undefined,
      );
    const ann: Credentials = { kind: 'basic', username: 'ann', password: 'pw' };
    await expect(learn(ann, false)).rejects.toMatchObject({ code: 'DISTRIBUTION_INSECURE_REALM' });
    expect(asked).toEqual([]);
    expect(await learn(undefined, false)).toBe(true);
    expect(await learn(ann, true)).toBe(true);
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
