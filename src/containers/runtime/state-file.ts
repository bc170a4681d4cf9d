import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The part of a runtime's own state that Lade reads. */
export interface StateFile {
  readonly pid: number;
  /** Clock ticks since boot; undefined where the runtime does not say. */
  readonly startTime: string | undefined;
  /** Absolute directories of the container's control groups. */
  readonly cgroupPaths: readonly string[];
}

interface RuncState {
  readonly init_process_pid?: number;
  readonly init_process_start?: number;
  readonly cgroup_paths?: Readonly<Record<string, string>>;
}

interface CrunStatus {
  readonly pid?: number;
  readonly 'process-start-time'?: number;
  readonly 'cgroup-path'?: string;
}

const fromRunc = (state: RuncState): StateFile | undefined =>
  state.init_process_pid === undefined
    ? undefined
    : {
        pid: state.init_process_pid,
        startTime: state.init_process_start === undefined ? undefined : String(state.init_process_start),
        cgroupPaths: [...new Set(Object.values(state.cgroup_paths ?? {}))].filter((path) => path !== ''),
      };

const fromCrun = (status: CrunStatus): StateFile | undefined =>
  status.pid === undefined
    ? undefined
    : {
        pid: status.pid,
        startTime:
          status['process-start-time'] === undefined ? undefined : String(status['process-start-time']),
        cgroupPaths:
          status['cgroup-path'] === undefined ? [] : [join('/sys/fs/cgroup', status['cgroup-path'])],
      };

const readJson = (path: string): unknown =>
  existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;

/**
 * State of a container as its runtime keeps it in its directory: `state.json` of runc, `status` of crun. Undefined when
 * the runtime knows no such container.
 */
export const readStateFile = (directory: string): StateFile | undefined => {
  const runc = readJson(join(directory, 'state.json'));
  if (runc !== undefined) return fromRunc(runc as RuncState);
  const crun = readJson(join(directory, 'status'));
  return crun === undefined ? undefined : fromCrun(crun as CrunStatus);
};
