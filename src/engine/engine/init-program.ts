import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import type { MountInput } from '#runtime';
import { engineErrors } from './errors.ts';
import type { HostConfig } from './wire-types.ts';

/** Where the program appears in a container, as with Docker. */
const TARGET = '/sbin/docker-init';

/** Static ones first: they run in any image. */
const PROGRAMS = ['tini-static', 'catatonit', 'docker-init', 'tini'];
const DIRECTORIES = ['/usr/libexec/podman', '/usr/local/bin', '/usr/local/sbin', '/usr/bin', '/usr/sbin'];

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** Path of an init program on this machine that `--init` can put before a container's command. */
export const findInitProgram = (): string | undefined =>
  PROGRAMS.flatMap((name) => DIRECTORIES.map((directory) => join(directory, name))).find(isExecutable);

/** Refuses `--init` where this machine has no init program. */
export const checkInit = (host: HostConfig): void => {
  if (host.Init === true && findInitProgram() === undefined) throw engineErrors.initMissing({});
};

/** A command below the init program where that was asked for. */
export const belowInit = (host: HostConfig, command: readonly string[]): readonly string[] =>
  host.Init === true ? [TARGET, '--', ...command] : command;

/** What `--init` mounts into a container. */
export const initMounts = (host: HostConfig): readonly MountInput[] => {
  if (host.Init !== true) return [];
  const source = findInitProgram();
  if (source === undefined) throw engineErrors.initMissing({});
  return [{ kind: 'bind', source, target: TARGET, readonly: true }];
};

/** Paths that `--init` makes, which are no change of the container's. */
export const initPaths = (host: HostConfig): readonly string[] => (host.Init === true ? [TARGET] : []);
