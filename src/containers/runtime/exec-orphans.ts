import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { monitorArgumentsOf, readPidFile } from './processes.ts';

/** Execs that a process which has ended began: their monitors live on, and nobody removes what they leave. */
export interface ExecOrphans {
  /** Removes what those left that have ended. */
  sweep(): void;
}

/** Finds the execs of earlier processes; to be called before this one begins any. */
export const findExecOrphans = (directory: string): ExecOrphans => {
  const orphans = new Set(readdirSync(directory));
  return {
    sweep() {
      for (const id of orphans) {
        const path = join(directory, id);
        const monitor = readPidFile(join(path, 'conmon.pid'));
        if (monitor !== undefined && monitorArgumentsOf(monitor, id) !== undefined) continue;
        rmSync(path, { recursive: true, force: true });
        orphans.delete(id);
      }
    },
  };
};
