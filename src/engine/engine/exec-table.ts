import { randomBytes } from 'node:crypto';
import { runtimeErrors, type ExecSession, type TerminalSize } from '#runtime';
import type { Container } from './container.ts';
import { emitContainer, snapshotOf, type EngineContext } from './context.ts';
import type { Execs } from './engine-types.ts';
import { engineErrors } from './errors.ts';
import { isLive } from './record.ts';
import { toExecProcess } from './spec-input.ts';
import type { Attachment, ExecConfig, ExecStartOptions } from './types.ts';
import type { ExecInspect } from './wire-types.ts';

type ExecState =
  | { readonly kind: 'created' }
  | { readonly kind: 'starting' }
  | { readonly kind: 'running'; readonly session: ExecSession }
  | { readonly kind: 'ended'; readonly exitCode: number; readonly pid: number; readonly endedAt: number };

interface Exec {
  readonly id: string;
  readonly container: Container;
  readonly config: ExecConfig;
  state: ExecState;
  /** A size that was asked for before the process was there. */
  size: TerminalSize | undefined;
}

/** Ended execs can be inspected for this long. */
const KEPT_MS = 5 * 60_000;

/** Execs live in memory: they end with the container or are lost with the daemon. */
export interface ExecTable extends Execs {
  /** IDs of a container's execs that run. */
  running(containerId: string): readonly string[];
}

const checkRunning = (container: Container): void => {
  const { state, name } = container.record;
  if (state.kind === 'paused') throw engineErrors.isPaused({ name });
  if (!isLive(container.record)) throw engineErrors.notRunning({ name });
};

const inspectOf = ({ id, container, config, state }: Exec): ExecInspect => ({
  ID: id,
  Running: state.kind === 'running',
  ExitCode: state.kind === 'ended' ? state.exitCode : null,
  ProcessConfig: {
    tty: config.tty ?? false,
    entrypoint: config.cmd[0] ?? '',
    arguments: config.cmd.slice(1),
    privileged: config.privileged ?? false,
    ...(config.user === undefined || config.user === '' ? {} : { user: config.user }),
  },
  OpenStdin: config.attachStdin ?? false,
  OpenStderr: config.attachStderr ?? false,
  OpenStdout: config.attachStdout ?? false,
  CanRemove: state.kind === 'ended',
  ContainerID: container.id,
  DetachKeys: config.detachKeys ?? '',
  Pid: state.kind === 'running' ? state.session.pid : state.kind === 'ended' ? state.pid : 0,
});

const drain = async (session: ExecSession): Promise<void> => {
  for await (const _ of session.output) void _;
};

const attachmentOf = (exec: Exec, session: ExecSession): Attachment => ({
  tty: exec.config.tty ?? false,
  stdin: session.stdin,
  output: session.output,
  close: () => session.close(),
});

/** The process did not begin: what Docker says an exec then ended with. */
const noteFailure = (exec: Exec, error: unknown): void => {
  const exitCode = runtimeErrors.commandNotFound.is(error) ? 127 : 126;
  exec.state = { kind: 'ended', exitCode, pid: 0, endedAt: Date.now() };
};

const begin = async (context: EngineContext, exec: Exec, options: ExecStartOptions): Promise<ExecSession> => {
  const { container, config } = exec;
  exec.state = { kind: 'starting' };
  try {
    const spec = toExecProcess(
      container.record,
      { ...config, consoleSize: options.consoleSize ?? exec.size ?? config.consoleSize },
      { rootfs: snapshotOf(context, container).mergedPath, host: context.runtime.host },
    );
    const session = await context.runtime.exec(container.id, {
      process: spec,
      openStdin: config.attachStdin === true && options.detach !== true,
    });
    exec.state = { kind: 'running', session };
    return session;
  } catch (error) {
    noteFailure(exec, error);
    throw error;
  }
};

const watchEnd = (context: EngineContext, exec: Exec, session: ExecSession): void => {
  const watching = session.exit.then((exit) => {
    exec.state = { kind: 'ended', exitCode: exit.exitCode, pid: session.pid, endedAt: Date.now() };
    emitContainer(context, exec.container, 'exec_die', { execID: exec.id, exitCode: String(exit.exitCode) });
  });
  void watching.catch(() => undefined);
};

const resize = async (exec: Exec, size: TerminalSize): Promise<void> => {
  exec.size = size;
  if (exec.state.kind === 'running') exec.state.session.resize(size);
};

export const createExecTable = (context: EngineContext): ExecTable => {
  const execs = new Map<string, Exec>();
  const find = (id: string): Exec => {
    const exec = execs.get(id);
    if (exec === undefined) throw engineErrors.execNotFound({ id });
    return exec;
  };
  const forgetOld = (): void => {
    const limit = Date.now() - KEPT_MS;
    for (const [id, { state }] of execs)
      if (state.kind === 'ended' && state.endedAt < limit) execs.delete(id);
  };
  return {
    async create(name, config) {
      const container = context.containers.find(name);
      checkRunning(container);
      if (config.cmd.length === 0) throw engineErrors.noExecCommand({});
      forgetOld();
      const id = randomBytes(32).toString('hex');
      execs.set(id, { id, container, config, state: { kind: 'created' }, size: undefined });
      emitContainer(context, container, `exec_create: ${config.cmd.join(' ')}`, { execID: id });
      return { id };
    },
    async start(id, options = {}) {
      const exec = find(id);
      if (exec.state.kind !== 'created') throw engineErrors.execStarted({ id });
      checkRunning(exec.container);
      emitContainer(context, exec.container, `exec_start: ${exec.config.cmd.join(' ')}`, { execID: id });
      const session = await begin(context, exec, options);
      watchEnd(context, exec, session);
      if (options.detach !== true) return attachmentOf(exec, session);
      void drain(session).catch(() => undefined);
      return undefined;
    },
    inspect: async (id) => inspectOf(find(id)),
    resize: (id, size) => resize(find(id), size),
    running: (containerId) =>
      [...execs.values()]
        .filter(({ container, state }) => container.id === containerId && state.kind === 'running')
        .map(({ id }) => id),
  };
};
