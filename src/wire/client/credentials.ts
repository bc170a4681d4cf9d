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

export const DOCKER_HUB = 'https://index.docker.io/v1/';

/** The registry that an image name belongs to, by docker's rule: `docker.io` unless the first part looks like a host. */
export const registryHostOf = (reference: string): string => {
  const [first = '', rest] = reference.split('/', 2);
  const isHost =
    rest !== undefined && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  return isHost && first !== 'index.docker.io' ? first : 'docker.io';
};

/** The key under which config.json stores a registry's credentials. */
export const storageKey = (host: string): string =>
  host === 'docker.io' || host === 'index.docker.io' ? DOCKER_HUB : host;

const hostOfKey = (key: string): string => key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');

const decode = (stored: StoredAuth, key: string): RegistryCredentials => {
  const [user = '', ...rest] = Buffer.from(stored.auth ?? '', 'base64')
    .toString()
    .split(':');
  return {
    username: stored.username ?? (user === '' ? undefined : user),
    password: stored.password ?? (rest.length === 0 ? undefined : rest.join(':').replace(/\0+$/, '')),
    identitytoken: stored.identitytoken,
    registrytoken: stored.registrytoken,
    serveraddress: key,
  };
};

const fromHelper = async (helper: string, key: string): Promise<RegistryCredentials | undefined> => {
  const { code, output } = await runHelper(helper, 'get', key);
  if (code !== 0) {
    if (/credentials not found/i.test(output)) return undefined;
    throw clientErrors.credentialHelperFailed({ program: `docker-credential-${helper}`, problem: output });
  }
  const answer = JSON.parse(output) as { readonly Username?: string; readonly Secret?: string };
  if (answer.Username === '<token>') return { identitytoken: answer.Secret, serveraddress: key };
  return { username: answer.Username, password: answer.Secret, serveraddress: key };
};

const helperFor = (config: DockerConfig, key: string): string | undefined =>
  config.credHelpers?.[key] ?? config.credHelpers?.[hostOfKey(key)] ?? (config.credsStore || undefined);

/** Where credentials of registries are kept: docker's config.json and its helper programs. */
export interface Credentials {
  /** What is known for the registry `host`, if anything. */
  find(host: string): Promise<RegistryCredentials | undefined>;
  /** Everything config.json itself holds, by registry, for builds. */
  all(): Promise<Readonly<Record<string, RegistryCredentials>>>;
  /** Returns the path of the file, or undefined when a helper keeps the secret. */
  save(host: string, credentials: RegistryCredentials): Promise<string | undefined>;
  /** Whether there was something to forget. */
  forget(host: string): Promise<boolean>;
}

const encode = (credentials: RegistryCredentials): StoredAuth => {
  if (credentials.identitytoken) return { identitytoken: credentials.identitytoken };
  const pair = `${credentials.username ?? ''}:${credentials.password ?? ''}`;
  return { auth: Buffer.from(pair).toString('base64') };
};

const findStored = (config: DockerConfig, key: string): readonly [string, StoredAuth] | undefined => {
  const auths = config.auths ?? {};
  const exact = auths[key];
  if (exact !== undefined) return [key, exact];
  return Object.entries(auths).find(([other]) => hostOfKey(other) === hostOfKey(key));
};

/** Credentials below `folder` (see `configFolder`). */
export const openCredentials = (folder: string): Credentials => {
  const find = async (host: string): Promise<RegistryCredentials | undefined> => {
    const config = readDockerConfig(folder);
    const key = storageKey(host);
    const helper = helperFor(config, key);
    const fromProgram = helper === undefined ? undefined : await fromHelper(helper, key);
    const stored = findStored(config, key);
    return fromProgram ?? (stored === undefined ? undefined : decode(stored[1], stored[0]));
  };
  return {
    find,
    async all() {
      const config = readDockerConfig(folder);
      const keys = new Set([...Object.keys(config.auths ?? {}), ...Object.keys(config.credHelpers ?? {})]);
      const entries = await Promise.all(
        [...keys].map(async (key) => [key, await find(key === DOCKER_HUB ? 'docker.io' : key)] as const),
      );
      return Object.fromEntries(entries.filter((entry) => entry[1] !== undefined)) as Record<
        string,
        RegistryCredentials
      >;
    },
    async save(host, credentials) {
      const config = readDockerConfig(folder);
      const key = storageKey(host);
      const helper = helperFor(config, key);
      const secret = {
        ServerURL: key,
        Username: credentials.identitytoken ? '<token>' : credentials.username,
        Secret: credentials.identitytoken ?? credentials.password,
      };
      const kept =
        helper === undefined ? undefined : await runHelper(helper, 'store', JSON.stringify(secret));
      if (kept !== undefined && kept.code !== 0)
        throw clientErrors.credentialHelperFailed({
          program: `docker-credential-${helper}`,
          problem: kept.output,
        });
      const stored = kept === undefined ? encode(credentials) : {};
      writeDockerConfig(folder, { ...config, auths: { ...config.auths, [key]: stored } });
      return kept === undefined ? `${folder}/config.json` : undefined;
    },
    async forget(host) {
      const config = readDockerConfig(folder);
      const key = storageKey(host);
      const helper = helperFor(config, key);
      if (helper !== undefined) await runHelper(helper, 'erase', key);
      const stored = findStored(config, key);
      if (stored === undefined) return helper !== undefined;
      const { [stored[0]]: _gone, ...auths } = config.auths ?? {};
      writeDockerConfig(folder, { ...config, auths });
      return true;
    },
  };
};

/** Value of X-Registry-Auth and, with a map by registry, of X-Registry-Config. */
export const encodeCredentials = (
  value: RegistryCredentials | Readonly<Record<string, RegistryCredentials>>,
): string => Buffer.from(JSON.stringify(value)).toString('base64url');
