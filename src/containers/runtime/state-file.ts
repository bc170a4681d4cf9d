import { existsSync, readFileSync } from 'node:fs';

/** The part of runc's and crun's state.json that Lade reads. */
export interface StateFile {
  readonly pid: number;
  /** Clock ticks since boot; undefined where the runtime does not say. */
  readonly startTime: string | undefined;
  /** Absolute directories of the container's control groups. */
  readonly cgroupPaths: readonly string[];
}

interface RawState {
  readonly init_process_pid?: number;
  readonly init_process_start?: number;
  readonly cgroup_paths?: Readonly<Record<string, string>>;
}

/** State of a container as the OCI runtime keeps it; undefined when it knows none (or writes another form). */
export const readStateFile = (path: string): StateFile | undefined => {
  if (!existsSync(path)) return undefined;
  const raw = JSON.parse(readFileSync(path, 'utf8')) as RawState;
  if (raw.init_process_pid === undefined) return undefined;
  return {
    pid: raw.init_process_pid,
    startTime: raw.init_process_start === undefined ? undefined : String(raw.init_process_start),
    cgroupPaths: [...new Set(Object.values(raw.cgroup_paths ?? {}))].filter((path) => path !== ''),
  };
};
