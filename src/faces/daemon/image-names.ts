import type { AuthConfig } from '#api';
import type { Credentials } from '#distribution';
import { parseReference } from '#oci';

/** Name and tag as Docker's calls carry them apart; the tag may be a digest. */
export const referenceWith = (name: string, tag: string | undefined): string => {
  if (tag === undefined) return name;
  return tag.includes(':') ? `${name}@${tag}` : `${name}:${tag}`;
};

/** Whether a name has neither tag nor digest, which means all tags of its repository when it is pulled or pushed. */
export const isRepository = (name: string): boolean => {
  const { tag, digest } = parseReference(name, { defaultTag: false });
  return tag === undefined && digest === undefined;
};

/** What a registry client sends for Docker's AuthConfig; undefined for none at all. */
export const toCredentials = (auth: AuthConfig | undefined): Credentials | undefined => {
  if (auth === undefined) return undefined;
  if (auth.registrytoken !== undefined) return { kind: 'bearer', token: auth.registrytoken };
  if (auth.identitytoken !== undefined) return { kind: 'identity-token', token: auth.identitytoken };
  if (auth.username === undefined) return undefined;
  return { kind: 'basic', username: auth.username, password: auth.password ?? '' };
};

/** Names under which Docker's configuration keeps Docker Hub. */
const HUB = new Set(['', 'docker.io', 'index.docker.io', 'registry-1.docker.io']);

/** The host that a key of Docker's configuration or a server address means: `docker.io`, `localhost:5000`. */
export const registryHost = (address: string): string => {
  const host = address.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return HUB.has(host) ? 'docker.io' : host;
};

const hasScheme = (key: string): boolean => /^https?:\/\//.test(key);

/** A key of Docker's configuration as the beginning of repositories' names: `docker.io`, `ghcr.io/team`. */
const beginningOf = (key: string): string => {
  const [, ...path] = hasScheme(key) ? [] : key.replace(/\/+$/, '').split('/');
  return [registryHost(key), ...path].join('/');
};

/** Finds what is meant for a repository such as `ghcr.io/team/app`: the entry with the longest part of its path. */
export const longestPath = <T>(byKey: ReadonlyMap<string, T>): ((repository: string) => T | undefined) => {
  const entries = new Map([...byKey].map(([key, value]) => [beginningOf(key), value]));
  return (repository) => {
    const parts = repository.split('/');
    for (let length = parts.length; length > 0; length -= 1) {
      const found = entries.get(parts.slice(0, length).join('/'));
      if (found !== undefined) return found;
    }
    return undefined;
  };
};
