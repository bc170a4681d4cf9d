import { mkdirSync, readFileSync, rmSync, statSync, watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';

/** What conmon wrote when the process ended. */
export interface ExitRecord {
  readonly exitCode: number;
  readonly finishedAt: Date;
}

export interface ExitFiles extends Disposable {
  read(id: string): ExitRecord | undefined;
  /** Calls back whenever something in the directory may have changed, until the returned function is called. */
  onChange(callback: () => void): () => void;
  remove(id: string): void;
}

/** Conmon replaces exit files by rename, so that one that is there is whole. */
const readExit = (path: string): ExitRecord | undefined => {
  try {
    return { exitCode: Number.parseInt(readFileSync(path, 'utf8'), 10), finishedAt: statSync(path).mtime };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

/** A directory of exit files, one for each container. One watch serves every waiter, and only while there is one. */
export const openExitFiles = (directory: string): ExitFiles => {
  mkdirSync(directory, { recursive: true });
  const callbacks = new Set<() => void>();
  let watcher: FSWatcher | undefined;
  const notify = (): void => {
    for (const callback of callbacks) callback();
  };
  const release = (): void => {
    watcher?.close();
    watcher = undefined;
  };
  return {
    read: (id) => readExit(join(directory, id)),
    onChange(callback) {
      callbacks.add(callback);
      watcher ??= watch(directory, notify);
      return () => {
        callbacks.delete(callback);
        if (callbacks.size === 0) release();
      };
    },
    remove: (id) => rmSync(join(directory, id), { force: true }),
    [Symbol.dispose]: release,
  };
};
