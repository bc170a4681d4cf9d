import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { span } from '#events';
import { expectAcceptance, type Acceptance } from './acceptance.ts';
import { startConmon } from './conmon.ts';
import { pathsOf, type RuntimeContext } from './context.ts';
import { runtimeErrors } from './errors.ts';
import { creationFailure, processFailure, runProgram } from './oci-program.ts';
import type { ContainerPaths } from './paths.ts';
import { readPidFile } from './processes.ts';
import { openSession } from './session.ts';
import { encodeSpec } from './to-runtime-spec.ts';
import type { CreateOptions, ExecOptions, ExecSession, ExitStatus } from './types.ts';

const MAX_SOCKET_PATH_BYTES = 107;

interface MonitorDirectories {
  readonly bundle: string;
  readonly exits: string;
}

/** Arguments that a container's and an exec's monitor share. */
const monitorArguments = (
  context: RuntimeContext,
  id: string,
  directories: MonitorDirectories,
): readonly string[] => [
  '--api-version',
  '1',
  '--cid',
  id,
  '--name',
  id,
  '--runtime',
  context.program,
  '--runtime-arg',
  '--root',
  '--runtime-arg',
  context.paths.state,
  '--bundle',
  directories.bundle,
  '--persist-dir',
  directories.bundle,
  '--exit-dir',
  directories.exits,
  '--container-pidfile',
  `${directories.bundle}/pid`,
  '--conmon-pidfile',
  `${directories.bundle}/conmon.pid`,
  '--full-attach',
  '--no-sync-log',
];

const checkSocketPath = (path: string): void => {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) throw runtimeErrors.pathTooLong({ path });
};

/** Synchronous: a few calls on a file system in memory take microseconds, each way through a thread more. */
const makeBundle = (paths: ContainerPaths, options: CreateOptions): void => {
  checkSocketPath(paths.attachSocket);
  mkdirSync(dirname(paths.bundle), { recursive: true });
  try {
    mkdirSync(paths.bundle, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw runtimeErrors.containerExists({ id: options.id }, error);
  }
  writeFileSync(paths.config, encodeSpec(options.spec));
  closeSync(openSync(options.logPath, 'a', 0o640));
};

const createArguments = (context: RuntimeContext, options: CreateOptions): readonly string[] => {
  const paths = pathsOf(context, options.id);
  const terminal = options.spec.process.terminal;
  const openStdin = options.openStdin === true;
  return [
    ...monitorArguments(context, options.id, { bundle: paths.bundle, exits: context.paths.exits }),
    '--cuuid',
    options.id,
    '--log-path',
    `k8s-file:${options.logPath}`,
    ...(terminal ? ['--terminal'] : []),
    ...(openStdin ? ['--stdin'] : []),
    ...(openStdin && (terminal || options.stdinOnce !== true) ? ['--leave-stdin-open'] : []),
  ];
};

/** Makes the container under a new conmon; on failure its bundle and what the runtime made are removed. */
export const createMonitored = async (
  context: RuntimeContext,
  options: CreateOptions,
): Promise<{ readonly pid: number }> => {
  const paths = pathsOf(context, options.id);
  context.exits.remove(options.id);
  makeBundle(paths, options);
  try {
    const run = await span('conmon and runtime', options.id, () =>
      startConmon({ conmon: context.conmon, args: createArguments(context, options) }),
    );
    run.release();
    if (run.started.data > 0) return { pid: run.started.data };
    throw creationFailure(context, options.id, run.started.message ?? '');
  } catch (error) {
    await runProgram(context.program, ['--root', context.paths.state, 'delete', '--force', options.id]);
    await rm(paths.bundle, { recursive: true, force: true });
    context.exits.remove(options.id);
    throw error;
  }
};

const execArguments = (
  context: RuntimeContext,
  target: { readonly id: string; readonly execId: string; readonly directory: string },
  options: ExecOptions,
): readonly string[] => [
  ...monitorArguments(context, target.id, { bundle: target.directory, exits: `${target.directory}/exits` }),
  '--cuuid',
  target.execId,
  '--log-path',
  'off:',
  '--exec',
  '--exec-attach',
  '--exec-process-spec',
  `${target.directory}/process.json`,
  ...(options.process.terminal ? ['--terminal'] : []),
  ...(options.openStdin === true ? ['--stdin'] : []),
  ...(options.openStdin === true && options.process.terminal ? ['--leave-stdin-open'] : []),
];

/**
 * With a terminal conmon is in its loop before the process starts, and may wait for its end between two looks at the
 * socket; without one it first looks at the socket after that, and takes what is there.
 */
const acceptanceOf = async (directory: string, named: Promise<unknown>): Promise<Acceptance | undefined> => {
  await named;
  const monitor = readPidFile(`${directory}/conmon.pid`);
  return monitor === undefined ? undefined : expectAcceptance(monitor);
};

/** Runs a further process in a running container; its directory is removed when it has ended. */
export const execMonitored = async (
  context: RuntimeContext,
  target: { readonly id: string; readonly execId: string },
  options: ExecOptions,
): Promise<ExecSession> => {
  const directory = `${context.paths.run}/e/${target.execId}`;
  checkSocketPath(`${directory}/attach`);
  await mkdir(`${directory}/exits`, { recursive: true, mode: 0o700 });
  await writeFile(`${directory}/process.json`, encodeSpec(options.process));
  const cleanUp = (): Promise<void> => rm(directory, { recursive: true, force: true });
  let session: ReturnType<typeof openSession> | undefined;
  try {
    const run = await startConmon({
      conmon: context.conmon,
      args: execArguments(context, { ...target, directory }, options),
      beforeStart: async (named) => {
        const acceptance = options.process.terminal ? await acceptanceOf(directory, named) : undefined;
        session = openSession({
          attachSocket: `${directory}/attach`,
          control: `${directory}/ctl`,
          openStdin: options.openStdin ?? false,
        });
        await acceptance?.taken();
      },
    });
    if (run.started.data <= 0 || session === undefined) {
      run.release();
      session?.close();
      throw processFailure(target.id, run.started.message ?? '', runtimeErrors.execFailed);
    }
    const exit = run.next().then(async (report): Promise<ExitStatus> => {
      run.release();
      await cleanUp();
      return { exitCode: report?.data ?? 255, finishedAt: new Date(), oomKilled: false };
    });
    return Object.assign(session, { pid: run.started.data, exit });
  } catch (error) {
    await cleanUp();
    throw error;
  }
};
