import type { AuthConfig } from '#api';
import type { Credentials } from '#distribution';

/** Name and tag as Docker's calls carry them apart; the tag may be a digest. */
export const referenceWith = (name: string, tag: string | undefined): string => {
  if (tag === undefined) return name;
  return tag.includes(':') ? `${name}@${tag}` : `${name}:${tag}`;
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
