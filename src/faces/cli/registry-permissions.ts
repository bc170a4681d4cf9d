import { requireDuration } from '#console';
import { cliErrors } from './errors.ts';

/** The flags that say what a robot or a token may do, and for how long. */
export const permissionFlags = {
  action: {
    kind: 'list',
    help: 'What it may do there: pull, push, delete, administer (default "pull"; push includes pull)',
  },
  expires: { kind: 'string', help: 'How long it counts, such as 12h or 90d (default: for ever)' },
  repository: {
    kind: 'list',
    help: 'Repositories that it is for: a pattern such as "team/**"; may be repeated',
  },
} as const;

interface Permission {
  readonly pattern: string;
  readonly actions: readonly string[];
}

interface Given {
  readonly action: readonly string[];
  readonly repository: readonly string[];
}

/** The permissions that flags mean; none without a repository. */
export const permissionsOf = ({ action, repository }: Given): readonly Permission[] | undefined => {
  if (repository.length === 0 && action.length === 0) return undefined;
  const named = action.flatMap((list) => list.split(',')).filter((one) => one !== '');
  const actions = named.length === 0 ? ['pull'] : named;
  const whole = actions.includes('push') && !actions.includes('pull') ? ['pull', ...actions] : actions;
  const patterns = repository.length === 0 ? ['**'] : repository;
  return patterns.map((pattern) => ({ pattern, actions: whole }));
};

const DAY = /^(\d{1,5})d$/;
const DAY_MS = 24 * 60 * 60 * 1000;
const NANOSECONDS_PER_MS = 1e6;

/** When something that lasts so long ends, in milliseconds since 1970. */
export const endOf = (expires: string | undefined): number | undefined => {
  if (expires === undefined) return undefined;
  const days = DAY.exec(expires)?.[1];
  const ms = days === undefined ? requireDuration(expires) / NANOSECONDS_PER_MS : Number(days) * DAY_MS;
  if (ms > 0) return Date.now() + Math.round(ms);
  throw cliErrors.argumentInvalid({
    problem: `--expires ${expires} is over before it begins`,
    advice: 'write a duration such as 12h or 90d',
  });
};
