import type { Readable } from 'node:stream';
import type { Container } from './container.ts';
import { snapshotOf, type EngineContext } from './context.ts';
import { initPaths } from './init-program.ts';
import { isLive, type ContainerRecord } from './record.ts';

/** What the runtime puts into a root file system besides mounts, and so is no change of the container's. */
const RUNTIME_PATHS: readonly string[] = [
  '/dev',
  '/proc',
  '/sys',
  '/etc/hosts',
  '/etc/hostname',
  '/etc/resolv.conf',
  '/.dockerenv',
];

/** Paths that `diff` and `commit` leave out. */
export const ignoredPaths = (record: ContainerRecord): readonly string[] => [
  ...RUNTIME_PATHS,
  ...record.mounts.map(({ target }) => target),
  ...initPaths(record.hostConfig),
];

export interface RootAccess extends AsyncDisposable {
  readonly path: string;
}

/** Unmounts the root of a container that neither runs nor is looked at. */
export const letRootGo = async (context: EngineContext, container: Container): Promise<void> => {
  if (container.rootUsers > 0 || isLive(container.record)) return;
  await context.layers.snapshot(container.id)?.unmount();
};

/** Keeps a container's root file system mounted for reading or writing from outside. */
export const openRootAccess = async (context: EngineContext, container: Container): Promise<RootAccess> => {
  container.rootUsers += 1;
  const release = async (): Promise<void> => {
    container.rootUsers -= 1;
    await container.queue.run(() => letRootGo(context, container));
  };
  try {
    const path = await snapshotOf(context, container).mount();
    return { path, [Symbol.asyncDispose]: release };
  } catch (error) {
    await release();
    throw error;
  }
};

/** Lets go of what a stream reads from when it has ended, was never read, or failed. */
export const releaseWhenClosed = (
  context: EngineContext,
  stream: Readable,
  held: AsyncDisposable,
): Readable =>
  stream.once('close', () => {
    const released = async (): Promise<void> => {
      await held[Symbol.asyncDispose]();
    };
    context.background(released());
  });
