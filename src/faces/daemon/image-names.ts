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
