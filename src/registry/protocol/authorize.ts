import type { Action, Need } from '#access';
import type { Route } from './routes.ts';

const ACTION_BY_METHOD: Readonly<Record<string, Action>> = { GET: 'pull', HEAD: 'pull', DELETE: 'delete' };

/** What a request to a route needs: reads pull, writes push, and whoever cancels an upload needs what began it. */
export const needsOf = (route: Route, method: string): readonly Need[] => {
  if (route.kind === 'base' || route.kind === 'unknown') return [{ kind: 'proof' }];
  if (route.kind === 'catalog') return [{ kind: 'catalog' }];
  const pushes = method === 'PUT' || route.kind === 'uploads' || route.kind === 'upload';
  const actions: readonly Action[] = pushes ? ['pull', 'push'] : [ACTION_BY_METHOD[method] ?? 'pull'];
  return [{ kind: 'repository', repository: route.repository, actions }];
};
