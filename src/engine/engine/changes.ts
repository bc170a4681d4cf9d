import type { Change } from '#layers';
import type { Container } from './container.ts';
import { snapshotOf, type EngineContext } from './context.ts';
import { ignoredPaths } from './root-access.ts';
import type { FileChange } from './types.ts';

const KINDS: Readonly<Record<Change['kind'], FileChange['kind']>> = { modified: 0, added: 1, deleted: 2 };

/** What the container changed in its image's files, without mounts and what the runtime made. */
export const changes = async (
  context: EngineContext,
  container: Container,
): Promise<readonly FileChange[]> => {
  const found = await snapshotOf(context, container).changes({ ignore: ignoredPaths(container.record) });
  return found.map(({ path, kind }) => ({ path, kind: KINDS[kind] }));
};
