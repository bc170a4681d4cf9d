import { rm } from 'node:fs/promises';
import { span } from '#events';
import type { Container } from './container.ts';
import { emitContainer, filesOf, type EngineContext } from './context.ts';
import { engineErrors } from './errors.ts';
import { disconnectNetworks } from './networking.ts';
import { isLive } from './record.ts';
import { withRoom } from './with-room.ts';
import { keepAnonymousVolumes, removeAnonymousVolumes } from './volumes.ts';

const HOLDER = 'container';

/** Whether nobody asked for the removal: then somebody may wait for the end of it, as `docker run --rm` does. */
const goesByItself = ({ record }: Container): boolean => record.hostConfig.AutoRemove === true;

/** Takes away what the container wrote, before its record: a container without it can still be removed. */
const discardContent = async (context: EngineContext, container: Container): Promise<void> => {
  const snapshot = context.layers.snapshot(container.id);
  await snapshot?.unmount();
  if (snapshot !== undefined) await rm(snapshot.upperPath, { recursive: true, force: true });
  await rm(filesOf(context, container.id).log, { force: true });
};

const removeRecord = async (
  context: EngineContext,
  container: Container,
  keepVolumes: boolean,
): Promise<void> => {
  try {
    await withRoom(
      () =>
        Promise.all([
          keepVolumes ? keepAnonymousVolumes(context, container.record) : undefined,
          context.containers.remove(container),
        ]),
      () => discardContent(context, container),
    );
  } catch (error) {
    container.removing = false;
    throw error;
  }
};

/** What can go when nobody waits for it any more. */
const sweepAway = async (context: EngineContext, container: Container, volumes: boolean): Promise<void> => {
  if (goesByItself(container)) await context.runtime.delete(container.id);
  await context.layers.snapshot(container.id)?.remove();
  await context.library.release({ kind: HOLDER, id: container.id });
  await rm(filesOf(context, container.id).directory, { recursive: true, force: true });
  if (volumes) await removeAnonymousVolumes(context, container.record);
};

/**
 * Removes a container that does not run; runs in its queue.
 *
 * Name, ports, addresses and record are gone when it resolves. After `--rm` the rest goes behind the scenes; what a
 * crash leaves of it is swept when the engine opens again.
 */
export const removeNow = async (
  context: EngineContext,
  container: Container,
  options: { readonly volumes: boolean },
): Promise<void> => {
  container.removing = true;
  clearTimeout(container.restart?.timer);
  await span('free', container.id, () =>
    Promise.all([
      disconnectNetworks(context, container.record),
      goesByItself(container) ? undefined : context.runtime.delete(container.id),
    ]),
  );
  const removed = removeRecord(context, container, !options.volumes);
  emitContainer(context, container, 'destroy');
  container.life.emit({ kind: 'removed' });
  const swept = removed.then(() =>
    span('sweep away', container.id, () => sweepAway(context, container, options.volumes)),
  );
  context.background(swept);
  if (!goesByItself(container)) await swept;
};

/** Refuses a live container, except with force. */
export const checkRemovable = (container: Container, force: boolean): void => {
  const { record } = container;
  if (container.removing) throw engineErrors.removalInProgress({ name: record.name });
  if (!force && isLive(record)) {
    throw engineErrors.removalOfLive({ name: record.name, state: record.state.kind });
  }
};
