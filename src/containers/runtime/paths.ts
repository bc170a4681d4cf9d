import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** Where everything of one runtime root lies. */
export interface RuntimePaths {
  /** Survives a restart of the machine. */
  readonly exits: string;
  /** Short, on a file system that is empty after a restart of the machine. */
  readonly run: string;
  /** `--root` of the OCI runtime for monitored containers. */
  readonly state: string;
  /** `--root` of the OCI runtime for foreground runs. */
  readonly foreground: string;
}

export interface ContainerPaths {
  readonly bundle: string;
  readonly config: string;
  readonly pidFile: string;
  readonly conmonPidFile: string;
  readonly attachSocket: string;
  readonly control: string;
  readonly oom: string;
  readonly runtimeLog: string;
  readonly execFifo: string;
  /** Where the OCI runtime keeps its state of the container. */
  readonly stateDirectory: string;
  readonly exitFile: string;
}

/** A directory below /run for one root: short, since socket paths end at 107 bytes. */
export const defaultRunDirectory = (root: string): string =>
  join('/run/lade', createHash('sha256').update(root).digest('hex').slice(0, 8));

export const runtimePaths = (root: string, run: string): RuntimePaths => ({
  exits: join(root, 'exits'),
  run,
  state: join(run, 'r'),
  foreground: join(run, 'f'),
});

export const containerPaths = (paths: RuntimePaths, id: string): ContainerPaths => {
  const bundle = join(paths.run, 'b', id);
  return {
    bundle,
    config: join(bundle, 'config.json'),
    pidFile: join(bundle, 'pid'),
    conmonPidFile: join(bundle, 'conmon.pid'),
    attachSocket: join(bundle, 'attach'),
    control: join(bundle, 'ctl'),
    oom: join(bundle, 'oom'),
    runtimeLog: join(bundle, 'log.json'),
    execFifo: join(paths.state, id, 'exec.fifo'),
    stateDirectory: join(paths.state, id),
    exitFile: join(paths.exits, id),
  };
};
