import { cliErrors } from './errors.ts';

/** A repository of a registry, and perhaps one of its tags, as it is written without the registry's address. */
export interface RepositoryTag {
  readonly repository: string;
  readonly tag: string | undefined;
}

/** Reads `REPOSITORY[:TAG]`. @throws CLI_ARGUMENT_INVALID */
export const parseRepositoryTag = (text: string): RepositoryTag => {
  const match = /^([^:@]+)(?::([^:/@]+))?$/.exec(text);
  if (match?.[1] !== undefined) return { repository: match[1], tag: match[2] };
  throw cliErrors.argumentInvalid({
    problem: `${text} is not REPOSITORY[:TAG]`,
    advice: 'write the name without the address of the registry, such as team/app:v1',
  });
};
