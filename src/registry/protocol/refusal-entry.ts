import type { Cause, JournalAction, NewEntry } from '#metadata';
import type { Route } from './routes.ts';

const ACTION_BY_METHOD: Readonly<Record<string, JournalAction>> = {
  GET: 'pull',
  HEAD: 'pull',
  DELETE: 'delete',
};

/**
 * Whether an answer refuses what the caller may not do, by access or policy. Not written down: reads without
 * credentials, which is how clients find out how to log in, and 401 for credentials, which may only be too old or for
 * something else (access writes down those that prove nobody).
 */
export const isRefusal = ({
  status,
  code,
  method,
  authorization,
}: {
  readonly status: number;
  readonly code: string;
  readonly method: string;
  readonly authorization: string | undefined;
}): boolean =>
  (code === 'DENIED' && status < 500) ||
  (status === 401 && authorization === undefined && method !== 'GET' && method !== 'HEAD');

const placeOf = (route: Route | undefined): Pick<NewEntry, 'repository' | 'tag' | 'digest'> => {
  if (route === undefined || !('repository' in route)) return {};
  const { repository } = route;
  if (route.kind === 'blob' || route.kind === 'referrers') return { repository, digest: route.digest };
  return route.kind === 'manifest'
    ? { repository, ...('tag' in route.target ? { tag: route.target.tag } : { digest: route.target.digest }) }
    : { repository };
};

/** The journal's entry of a refused request; `route` is absent when its path was not even read. */
export const refusalEntry = (route: Route | undefined, cause: Cause, reason: string): NewEntry => ({
  action: ACTION_BY_METHOD[cause.method ?? ''] ?? 'push',
  outcome: 'refused',
  ...placeOf(route),
  reason,
  cause,
});
