import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';

/** An OpenID provider and token service of a test, on loopback. */
export interface TestIssuer extends AsyncDisposable {
  readonly url: string;
  readonly key: CryptoKey;
  readonly publicJwk: JWK;
  /** Paths that were asked for. */
  readonly asked: string[];
  /** What its key set holds. */
  keys: JWK[];
  /** Claims of the next person who signs in. */
  person: Record<string, unknown>;
  /** A token with these claims beside issuer and expiry. */
  sign(claims: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>;
  /** What a browser does there: answers the address that it is sent back to. */
  visit(location: string): string;
}

/** Starts a provider that gives codes to everybody and checks PKCE. */
export const startTestIssuer = async (alg = 'RS256'): Promise<TestIssuer> => {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const publicJwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg };
  const codes = new Map<string, URLSearchParams>();
  const asked: string[] = [];

  const sign: TestIssuer['sign'] = (claims, header = {}) =>
    new SignJWT({ iss: issuer.url, ...claims })
      .setProtectedHeader({ alg, kid: 'k1', typ: 'JWT', ...header })
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey);

  const redeem = async (form: URLSearchParams): Promise<object | undefined> => {
    const begun = codes.get(form.get('code') ?? '');
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    if (begun?.get('code_challenge') !== challenge) return undefined;
    if (begun.get('redirect_uri') !== form.get('redirect_uri')) return undefined;
    const nonce = begun.get('nonce');
    return { id_token: await sign({ aud: begun.get('client_id'), nonce, ...issuer.person }) };
  };

  const answerOf = async (path: string, body: string): Promise<object | undefined> => {
    const { url } = issuer;
    if (path === '/.well-known/openid-configuration')
      return {
        issuer: url,
        jwks_uri: `${url}/keys`,
        authorization_endpoint: `${url}/authorize`,
        token_endpoint: `${url}/token`,
      };
    if (path === '/keys') return { keys: issuer.keys };
    return path === '/token' ? redeem(new URLSearchParams(body)) : undefined;
  };

  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      void answerOf(request.url ?? '', body).then((answer) => {
        response.statusCode = answer === undefined ? 400 : 200;
        response.end(JSON.stringify(answer ?? {}));
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { readonly port: number };

  const issuer: TestIssuer = {
    url: `http://127.0.0.1:${port}`,
    key: privateKey,
    publicJwk,
    asked,
    keys: [publicJwk],
    person: {},
    sign,
    visit: (location) => {
      const { searchParams } = new URL(location);
      const code = `code-${codes.size}`;
      codes.set(code, searchParams);
      const back = new URL(searchParams.get('redirect_uri') ?? '');
      back.searchParams.set('code', code);
      back.searchParams.set('state', searchParams.get('state') ?? '');
      return `${back.pathname}${back.search}`;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return issuer;
};
