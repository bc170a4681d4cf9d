import type { HttpClient, HeaderValues } from '#http';
import { collect } from '#http';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** Finds out how a registry wants to be told who calls. */
export interface Authorizer {
  /** Headers for the next request with this method to this target. */
  headers(method: string, target: string): Readonly<Record<string, string>>;
  /** Answers a 401; whether it is worth asking again. */
  learn(method: string, target: string, answered: HeaderValues): Promise<boolean>;
}

const MAX_TOKEN_BYTES = 1024 * 1024;

const parameters = (challenge: string): ReadonlyMap<string, string> =>
  new Map(
    [...challenge.matchAll(/([a-z_]+)="([^"]*)"/gi)].map(([, name = '', value = '']) => [
      name.toLowerCase(),
      value,
    ]),
  );

const CLASSES: Readonly<Record<string, string>> = { GET: 'read', HEAD: 'read', DELETE: 'delete' };

/** The repository that a mount takes its blob from. */
const sourceOf = (target: string): string | undefined =>
  new URL(target).searchParams.get('from') ?? undefined;

/** Reads of a repository share a token, and so do its pushes; a mount needs one for its source, too. */
const scopeOf = (method: string, target: string): string => {
  const path = /\/v2\/(.*?)\/(?:blobs|manifests|tags|referrers)\//.exec(target)?.[1] ?? '';
  return `${CLASSES[method] ?? 'push'} ${path} ${sourceOf(target) ?? ''}`;
};

interface TokenWish {
  readonly challenge: string;
  readonly basic: string | undefined;
  /** Repository to be pulled from beside what the challenge says. */
  readonly source: string | undefined;
}

const fetchToken = async (
  client: HttpClient,
  { challenge, basic, source }: TokenWish,
): Promise<string | undefined> => {
  const values = parameters(challenge);
  const realm = values.get('realm') ?? '';
  if (!URL.canParse(realm)) return undefined;
  const url = new URL(realm);
  for (const name of ['service', 'scope']) {
    const value = values.get(name);
    if (value !== undefined) url.searchParams.set(name, value);
  }
  if (source !== undefined) url.searchParams.append('scope', `repository:${source}:pull`);
  const response = await client.request({
    url,
    headers: basic === undefined ? {} : { authorization: basic },
  });
  const body = await collect(response.body, MAX_TOKEN_BYTES);
  if (response.status !== 200) return undefined;
  const { token, access_token: accessToken } = JSON.parse(body.toString('utf8')) as Record<
    string,
    string | undefined
  >;
  return token ?? accessToken;
};

/** Basic or token authentication, whichever the registry asks for. */
export const createAuthorizer = (client: HttpClient, credentials: Credentials | undefined): Authorizer => {
  const basic =
    credentials === undefined
      ? undefined
      : `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
  const known = new Map<string, string>();
  return {
    headers: (method, target) => {
      const authorization = known.get(scopeOf(method, target)) ?? known.get('basic');
      return authorization === undefined ? {} : { authorization };
    },
    learn: async (method, target, answered) => {
      const header = answered['www-authenticate'];
      const challenge = typeof header === 'string' ? header : (header?.join(', ') ?? '');
      if (/^bearer /i.test(challenge)) {
        const token = await fetchToken(client, { challenge, basic, source: sourceOf(target) });
        if (token !== undefined) known.set(scopeOf(method, target), `Bearer ${token}`);
        return token !== undefined;
      }
      if (basic === undefined || known.has('basic')) return false;
      known.set('basic', basic);
      return true;
    },
  };
};
