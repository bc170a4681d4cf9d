import { cliErrors } from './errors.ts';

/** The flags that say whom a grant is for: exactly one. */
export const subjectFlags = {
  group: {
    kind: 'string',
    help: 'A group: "everyone" who logs in, "anonymous", or one of an OpenID provider',
  },
  robot: { kind: 'string', help: 'A robot' },
  user: { kind: 'string', short: 'u', help: 'A user' },
} as const;

interface Given {
  readonly group: string | undefined;
  readonly robot: string | undefined;
  readonly user: string | undefined;
}

/** Whom the flags name. */
export const grantSubject = (flags: Given): { readonly kind: keyof Given; readonly name: string } => {
  const named = (['user', 'robot', 'group'] as const).flatMap((kind) => {
    const name = flags[kind];
    return name === undefined ? [] : [{ kind, name }];
  });
  const [subject] = named;
  if (subject !== undefined && named.length === 1) return subject;
  throw cliErrors.argumentInvalid({
    problem: 'a grant is for one user, robot or group',
    advice: 'give one of --user, --robot and --group',
  });
};
