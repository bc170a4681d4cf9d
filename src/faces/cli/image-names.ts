import { cliErrors } from './errors.ts';

export interface NameParts {
  readonly name: string;
  readonly tag: string;
  readonly digest: string;
}

/** Splits `name[:tag][@digest]` without judging it. */
export const splitReference = (reference: string): NameParts => {
  const at = reference.indexOf('@');
  const digest = at === -1 ? '' : reference.slice(at + 1);
  const tagged = at === -1 ? reference : reference.slice(0, at);
  const colon = tagged.lastIndexOf(':');
  if (colon === -1 || colon < tagged.lastIndexOf('/')) return { name: tagged, tag: '', digest };
  return { name: tagged.slice(0, colon), tag: tagged.slice(colon + 1), digest };
};

/**
 * Splits the name that something is to get: `name[:tag]`.
 *
 * @throws CLI_ARGUMENT_INVALID when it ends with a digest, which nobody can choose, or with a colon
 */
export const splitTarget = (reference: string): NameParts => {
  const parts = splitReference(reference);
  if (reference.includes('@'))
    throw cliErrors.argumentInvalid({
      problem: `"${reference}" has a digest, which comes from the content and cannot be chosen`,
      advice: 'name it NAME[:TAG]',
    });
  if (reference.endsWith(':'))
    throw cliErrors.argumentInvalid({
      problem: `invalid reference format: "${reference}" has an empty tag`,
      advice: 'leave the colon out for the tag latest, or write a tag after it',
    });
  return parts;
};

/** The name as docker's lists show it: without `docker.io/` and `library/`. */
export const familiarName = (name: string): string =>
  name.startsWith('docker.io/') ? name.slice('docker.io/'.length).replace(/^library\//, '') : name;

/** The name with its registry, as docker prints it after a pull. */
export const canonicalName = (name: string): string => {
  const [first = '', rest] = name.split('/', 2);
  const hasHost = rest !== undefined && (/[.:]/.test(first) || first === 'localhost');
  if (hasHost) return name;
  return name.includes('/') ? `docker.io/${name}` : `docker.io/library/${name}`;
};
