import { fdatasync } from 'node:fs';

/** Writing back starts early, so that little is left for the end. */
const SYNC_STEP = 32 << 20;

/** Writes a file back beside everything else; disposing waits until the descriptor is no longer used. */
export interface WriteBack extends AsyncDisposable {
  written(total: number): void;
  /** Throws what writing back failed with: the kernel tells it once only, so that no later call would find it. */
  settle(): Promise<void>;
}

/** For a file that is written once from its beginning to its end; its last bytes are left to the caller. */
export const createWriteBack = (fd: number): WriteBack => {
  const pending = new Set<Promise<void>>();
  let synced = 0;
  let failure: Error | undefined;
  const begin = (): Promise<void> =>
    new Promise((resolve) => {
      fdatasync(fd, (error) => {
        failure ??= error ?? undefined;
        resolve();
      });
    });
  return {
    written(total) {
      if (failure !== undefined) throw failure;
      if (total - synced < SYNC_STEP) return;
      synced = total;
      const one = begin().finally(() => pending.delete(one));
      pending.add(one);
    },
    async settle() {
      await Promise.all(pending);
      if (failure !== undefined) throw failure;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(pending);
    },
  };
};
