import { readdirSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isLadeError, toLadeError } from '#errors';
import type { RuntimeState } from '#runtime';
import type { Container } from './container.ts';
import { filesOf, type EngineContext } from './context.ts';
import { startHealth } from './health.ts';
import { noteExit, startNow, watchExit } from './life.ts';
import { isLive } from './record.ts';
import { removeNow } from './remove.ts';
import { startsAtOpen } from './restart-policy.ts';
import { nowText } from './time.ts';
import { removeOrphanedVolumes } from './volumes.ts';

const runtimeStateOf = (context: EngineContext, id: string): RuntimeState | undefined => {
  try {
    return context.runtime.state(id);
  } catch (error) {
    if (isLadeError(error, 'not-found')) return undefined;
    throw error;
  }
};

/** Takes the watch over a container that lives on. */
const adopt = async (
  context: EngineContext,
  container: Container,
  state: RuntimeState & { readonly kind: 'running' | 'paused' },
): Promise<void> => {
  const before = container.record.state;
  const startedAt = before.kind === 'running' || before.kind === 'paused' ? before.startedAt : nowText();
  await context.layers.snapshot(container.id)?.mount();
  await context.containers.save(container, { state: { kind: state.kind, pid: state.pid, startedAt } });
  watchExit(context, container);
  startHealth(context, container);
};

/** An end that nobody noted: by its exit file, or as lost. */
const noteMissedExit = async (
  context: EngineContext,
  container: Container,
  state: RuntimeState | undefined,
): Promise<void> => {
  if (!isLive(container.record)) {
    await context.containers.save(container, {
      state: { kind: 'running', pid: 0, startedAt: nowText() },
    });
  }
  const exit =
    state?.kind === 'exited' ? state.exit : { exitCode: 255, finishedAt: new Date(), oomKilled: false };
  await container.queue.run(() => noteExit(context, container, exit));
};

const recoverOne = async (context: EngineContext, container: Container): Promise<void> => {
  const state = runtimeStateOf(context, container.id);
  if (state?.kind === 'running' || state?.kind === 'paused') return adopt(context, container, state);
  if (isLive(container.record) || state?.kind === 'exited') return noteMissedExit(context, container, state);
  if (state !== undefined) await context.runtime.delete(container.id);
  const { AutoRemove: autoRemove } = container.record.hostConfig;
  if (autoRemove === true && container.record.state.kind === 'exited') {
    await container.queue.run(() => removeNow(context, container, { volumes: true }));
  }
};

/** One container that cannot be brought in line does not keep the others from it; it can only be removed. */
const giveUp = (context: EngineContext, container: Container, error: unknown): Promise<void> =>
  context.containers.save(container, { state: { kind: 'dead', error: toLadeError(error).message } });

/**
 * Removes what belongs to no container: of one whose creation or removal was cut off. `known` are those that had a
 * record when recovery began; whoever removed one since takes its things away too.
 */
const sweepOrphans = async (context: EngineContext, known: ReadonlySet<string>): Promise<void> => {
  for (const id of context.runtime.list()) if (!known.has(id)) await context.runtime.delete(id);
  const orphans = context.layers.snapshots().filter(({ id, kind }) => kind === 'container' && !known.has(id));
  for (const snapshot of orphans) await snapshot.remove();
  const holders = new Set(context.library.holds.heldBy('container').map(({ holder }) => holder.id));
  for (const id of holders) if (!known.has(id)) await context.library.release({ kind: 'container', id });
  await removeOrphanedVolumes(context, (id) => !known.has(id));
  await context.volumes.sweep();
  const directory = join(context.root.path, 'containers');
  await mkdir(directory, { recursive: true, mode: 0o710 });
  for (const id of readdirSync(directory)) {
    if (!known.has(id)) await rm(filesOf(context, id).directory, { recursive: true, force: true });
  }
};

/** Starts what its policy wants started now. */
const startByPolicy = async (context: EngineContext): Promise<void> => {
  for (const container of context.containers.list().filter(({ record }) => startsAtOpen(record))) {
    await container.queue.run(() => startNow(context, container)).catch(() => undefined);
  }
};

/**
 * Brings the records in line with what is on the machine, after a restart or a crash: containers that live on are
 * watched again, ends are noted with their exit codes, leftovers are removed, policies start what they want.
 */
export const recover = async (context: EngineContext): Promise<void> => {
  const found = context.containers.list();
  for (const container of found) {
    await recoverOne(context, container).catch((error: unknown) => giveUp(context, container, error));
  }
  await sweepOrphans(context, new Set(found.map(({ id }) => id)));
  const running = context.containers.list().filter(({ record }) => isLive(record));
  await context.networks.sweep(new Set(running.map(({ id }) => id)));
  await startByPolicy(context);
};
