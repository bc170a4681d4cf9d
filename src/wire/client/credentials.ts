import { clientErrors } from './errors.ts';
import { runHelper } from './credential-helper.ts';
import { readDockerConfig, writeDockerConfig, type DockerConfig, type StoredAuth } from './docker-config.ts';

/** Credentials as the X-Registry-Auth header carries them. */
export interface RegistryCredentials {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly serveraddress?: string | undefined;
  readonly identitytoken?: string | undefined;
  readonly registrytoken?: string | undefined;
}

const HUB_HOSTS: ReadonlySet<string> = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

const DOCKER_HUB = 'https://index.docker.io/v1/';

/** The registry that an image name belongs to, by docker's rule: `docker.io` unless the first part looks like a host. */
export const registryHostOf = (reference: string): string => {
  const [first = '', rest] = reference.split('/', 2);
  const isHost =
    rest !== undefined && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  return isHost && first !== 'index.docker.io' ? first : 'docker.io';
};

/** The key under which config.json stores a registry's credentials. */
const storageKey = (host: string): string => (HUB_HOSTS.has(host) ? DOCKER_HUB : host);

/** A URL means its host only; without a scheme, what follows the host is a path of repositories. */
const hostOfKey = (key: string): string => {
  const host = key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return HUB_HOSTS.has(host) ? 'docker.io' : host;
};

const isPathKey = (key: string): boolean => !/^https?:\/\//.test(key) && key.includes('/');

/**
 * The key that `login SERVER` stores under: a host, or `host/namespace[/repository]` for a part of what it has. Of a URL
 * only the host counts.
 */
export const loginKey = (server: string): string => {
  const bare = server.replace(/\/+$/, '');
  return isPathKey(bare) ? bare : storageKey(hostOfKey(bare));
};

/** The repository of an image's name in full, without tag and digest: `docker.io/library/alpine`. */
export const repositoryOf = (reference: string): string => {
  const host = registryHostOf(reference);
  const [name = ''] = reference.split('@', 1);
  const bare = name.replace(/:[^/:]*$/, '');
  const [first = '', ...rest] = bare.split('/');
  const path = first === host || first === 'index.docker.io' ? rest.join('/') : bare;
  return host === 'docker.io' && !path.includes('/') ? `docker.io/library/${path}` : `${host}/${path}`;
};

/** Keys that may hold the credentials of `repository`, the most particular first; the last one is the host's. */
const keysFor = (repository: string): readonly string[] => {
  const parts = repository.split('/');
  const paths = parts.slice(1).map((_part, index) => parts.slice(0, parts.length - index).join('/'));
  return [...paths, storageKey(parts[0] ?? '')];
};

const isEmpty = ({ username, password, identitytoken, registrytoken }: RegistryCredentials): boolean =>
  !username && !password && !identitytoken && !registrytoken;

const decode = (stored: StoredAuth, key: string): RegistryCredentials | undefined => {
  const [user = '', ...rest] = Buffer.from(stored.auth ?? '', 'base64')
    .toString()
    .split(':');
  const found = {
    username: stored.username ?? (user === '' ? undefined : user),
    password: stored.password ?? (rest.length === 0 ? undefined : rest.join(':').replace(/\0+$/, '')),
    identitytoken: stored.identitytoken,
    registrytoken: stored.registrytoken,
    serveraddress: key,
  };
  return isEmpty(found) ? undefined : found;
};

const helperAnswer = (helper: string, output: string): Record<string, string> => {
  try {
    return JSON.parse(output) as Record<string, string>;
  } catch (error) {
    const problem = `its answer is no JSON: ${output.slice(0, 60)}`;
    throw clientErrors.credentialHelperFailed({ program: `docker-credential-${helper}`, problem }, error);
  }
};

const fromHelper = async (helper: string, key: string): Promise<RegistryCredentials | undefined> => {
  const { code, output } = await runHelper(helper, 'get', key);
  if (code !== 0) {
    if (/credentials not found/i.test(output)) return undefined;
    throw clientErrors.credentialHelperFailed({ program: `docker-credential-${helper}`, problem: output });
  }
  const { Username, Secret } = helperAnswer(helper, output);
  if (Username === '<token>') return { identitytoken: Secret, serveraddress: key };
  const found = { username: Username, password: Secret, serveraddress: key };
  return isEmpty(found) ? undefined : found;
};

const helperFor = (config: DockerConfig, key: string): string | undefined =>
  config.credHelpers?.[key] ?? config.credHelpers?.[hostOfKey(key)] ?? (config.credsStore || undefined);

/** Where credentials of registries are kept: docker's config.json and its helper programs. */
export interface Credentials {
  /** What is known for a repository (or a host alone): that of the longest key that is a part of its path. */
  find(repository: string): Promise<RegistryCredentials | undefined>;
  /** What is stored under this very key (see `loginKey`). */
  get(key: string): Promise<RegistryCredentials | undefined>;
  /** Everything that is known, by key, for builds; helpers that fail are left out. */
  all(): Promise<Readonly<Record<string, RegistryCredentials>>>;
  /** Returns the path of the file, or undefined when a helper keeps the secret. */
  save(key: string, credentials: RegistryCredentials): Promise<string | undefined>;
  /** Whether there was something to forget. */
  forget(key: string): Promise<boolean>;
}

const encode = ({ username = '', password = '', identitytoken }: RegistryCredentials): StoredAuth => {
  const pair = identitytoken ? `${username}:` : `${username}:${password}`;
  const auth = pair === ':' ? {} : { auth: Buffer.from(pair).toString('base64') };
  return identitytoken ? { ...auth, identitytoken } : auth;
};

/** The entry of a key; a host's may be written as a URL. */
const findStored = (config: DockerConfig, key: string): readonly [string, StoredAuth] | undefined => {
  const auths = config.auths ?? {};
  const exact = auths[key];
  if (exact !== undefined || isPathKey(key)) return exact === undefined ? undefined : [key, exact];
  return Object.entries(auths).find(([other]) => !isPathKey(other) && hostOfKey(other) === hostOfKey(key));
};

const readKey = async (config: DockerConfig, key: string): Promise<RegistryCredentials | undefined> => {
  const helper = helperFor(config, key);
  const fromProgram = helper === undefined ? undefined : await fromHelper(helper, key);
  const stored = findStored(config, key);
  return fromProgram ?? (stored === undefined ? undefined : decode(stored[1], stored[0]));
};

/** Keys of a helper that keeps everything. */
const listedBy = async (helper: string | undefined): Promise<readonly string[]> => {
  if (!helper) return [];
  const { code, output } = await runHelper(helper, 'list', '');
  return code === 0 ? Object.keys(helperAnswer(helper, output)) : [];
};

const storeWith = async (helper: string, key: string, credentials: RegistryCredentials): Promise<void> => {
  const secret = {
    ServerURL: key,
    Username: credentials.identitytoken ? '<token>' : credentials.username,
    Secret: credentials.identitytoken ?? credentials.password,
  };
  const { code, output } = await runHelper(helper, 'store', JSON.stringify(secret));
  if (code !== 0)
    throw clientErrors.credentialHelperFailed({ program: `docker-credential-${helper}`, problem: output });
};

/** Credentials below `folder` (see `configFolder`). */
export const openCredentials = (folder: string): Credentials => ({
  async find(repository) {
    const config = readDockerConfig(folder);
    const keys = keysFor(repository);
    const isKnown = (key: string): boolean =>
      config.auths?.[key] !== undefined || config.credHelpers?.[key] !== undefined;
    for (const key of keys.filter((each, index) => index === keys.length - 1 || isKnown(each))) {
      const found = await readKey(config, key);
      if (found !== undefined) return found;
    }
    return undefined;
  },
  get: async (key) => readKey(readDockerConfig(folder), key),
  async all() {
    const config = readDockerConfig(folder);
    const listed = await listedBy(config.credsStore).catch(() => []);
    const keys = new Set([
      ...Object.keys(config.auths ?? {}),
      ...Object.keys(config.credHelpers ?? {}),
      ...listed,
    ]);
    const found = await Promise.all(
      [...keys].map(async (key) => [key, await readKey(config, key).catch(() => undefined)] as const),
    );
    return Object.fromEntries(found.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
  },
  async save(key, credentials) {
    const config = readDockerConfig(folder);
    const helper = helperFor(config, key);
    if (helper !== undefined) await storeWith(helper, key, credentials);
    const stored = helper === undefined ? encode(credentials) : {};
    writeDockerConfig(folder, { ...config, auths: { ...config.auths, [key]: stored } });
    return helper === undefined ? `${folder}/config.json` : undefined;
  },
  async forget(key) {
    const config = readDockerConfig(folder);
    const helper = helperFor(config, key);
    const erased = helper === undefined ? undefined : await runHelper(helper, 'erase', key);
    const stored = findStored(config, key);
    if (stored === undefined) return erased?.code === 0;
    const { [stored[0]]: _gone, ...auths } = config.auths ?? {};
    writeDockerConfig(folder, { ...config, auths });
    return true;
  },
});

/** Value of X-Registry-Auth and, with a map by registry, of X-Registry-Config. */
export const encodeCredentials = (
  value: RegistryCredentials | Readonly<Record<string, RegistryCredentials>>,
): string => Buffer.from(JSON.stringify(value)).toString('base64url');
