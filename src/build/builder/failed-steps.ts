import type { LayerStore } from '#layers';
import type { Runtime, Session, TerminalSize } from '#runtime';
import { debugSpec, type FailedStep } from '#steps';
import { builderErrors } from './errors.ts';

/** Where a shell is opened: in what the command left, or in what it began with. */
export type DebugPlace = 'before' | 'after';

export interface DebugShellRequest {
  /** Names the shell for `resize` and `exitOf`; new each time. */
  readonly shell: string;
  readonly place: DebugPlace;
  /** `/bin/sh` when empty. */
  readonly args: readonly string[];
  readonly terminal: boolean;
  readonly size: TerminalSize | undefined;
}

export interface DebugShell extends Session {
  readonly id: string;
  readonly terminal: boolean;
}

/** RUN steps that failed and were kept, so that a shell can be opened where they stood. */
export interface FailedSteps extends AsyncDisposable {
  /** What the first step that fails of build `id` leaves is kept; of others nothing is. */
  keep(id: string, step: FailedStep): void;
  has(id: string): boolean;
  /**
   * Starts a shell with the step's environment, mounts, user and network. It ends with its process, and with the
   * session: nobody else can come back to it.
   *
   * @throws `BUILDER_NOTHING_KEPT`
   */
  shell(id: string, request: DebugShellRequest): Promise<DebugShell>;
  /** Fits a shell's terminal. */
  resize(shell: string, size: TerminalSize): Promise<void>;
  /** How a shell ended; waits for it. */
  exitOf(shell: string): Promise<number>;
  /** Ends its shells and removes what was kept; nothing where there is none. */
  release(id: string): Promise<void>;
}

interface Kept {
  readonly step: FailedStep;
  readonly stack: AsyncDisposableStack;
  readonly shells: Set<string>;
  timer: NodeJS.Timeout | undefined;
}

/** How long a step waits for somebody to look at it, in milliseconds. */
const PATIENCE_MS = 30 * 60 * 1000;
const DEFAULT_SHELL: readonly string[] = ['/bin/sh'];
/** What a terminal shows may be secret, and is nobody's log. */
const NO_LOG = '/dev/null';
/** Exit codes of shells that are remembered. */
const MAX_EXITS = 100;

export const createFailedSteps = ({
  layers,
  runtime,
  patienceMs = PATIENCE_MS,
}: {
  readonly layers: LayerStore;
  readonly runtime: Runtime;
  readonly patienceMs?: number | undefined;
}): FailedSteps => {
  const kept = new Map<string, Kept>();
  const exits = new Map<string, Promise<number>>();

  const release = async (id: string): Promise<void> => {
    const one = kept.get(id);
    if (one === undefined) return;
    kept.delete(id);
    clearTimeout(one.timer);
    // Whatever fails of it, the rest goes.
    for (const shell of one.shells) one.stack.defer(() => runtime.delete(shell));
    await one.stack.disposeAsync();
  };

  const wait = (id: string, one: Kept): void => {
    clearTimeout(one.timer);
    if (one.shells.size > 0) return;
    one.timer = setTimeout(() => void release(id).catch(() => undefined), patienceMs);
    one.timer.unref();
  };

  const rootOf = async (one: Kept, shell: string, place: DebugPlace, stack: AsyncDisposableStack) => {
    if (place === 'after') return one.step.rootfs;
    const snapshot = await layers.createSnapshot({ id: shell, layers: one.step.below, kind: 'build' });
    stack.defer(() => snapshot.remove());
    return await snapshot.mount();
  };

  const watch = (id: string, one: Kept, shell: string, own: AsyncDisposableStack): void => {
    const ended = (async (): Promise<number> => {
      try {
        return (await runtime.waitExit(shell)).exitCode;
      } finally {
        await runtime.delete(shell);
        await own.disposeAsync();
        one.shells.delete(shell);
        if (kept.get(id) === one) wait(id, one);
      }
    })();
    ended.catch(() => undefined);
    exits.set(shell, ended);
    const [oldest] = exits.keys();
    if (exits.size > MAX_EXITS && oldest !== undefined) exits.delete(oldest);
  };

  return {
    keep(id, step) {
      const stack = new AsyncDisposableStack();
      stack.use(step);
      if (kept.has(id)) {
        stack.disposeAsync().catch(() => undefined);
        return;
      }
      const one: Kept = { step, stack, shells: new Set(), timer: undefined };
      kept.set(id, one);
      wait(id, one);
    },
    has: (id) => kept.has(id),
    async shell(id, { shell, place, args, terminal, size }) {
      const one = kept.get(id);
      if (one === undefined) throw builderErrors.nothingKept({ build: id });
      one.shells.add(shell);
      clearTimeout(one.timer);
      await using stack = new AsyncDisposableStack();
      stack.defer(() => {
        one.shells.delete(shell);
        wait(id, one);
      });
      const own = stack.use(new AsyncDisposableStack());
      const rootfs = await rootOf(one, shell, place, own);
      const command = { args: args.length === 0 ? DEFAULT_SHELL : args, terminal, consoleSize: size };
      const spec = debugSpec({ id: shell, rootfs, host: runtime.host }, one.step, command);
      await runtime.create({ id: shell, spec, openStdin: true, stdinOnce: true, logPath: NO_LOG });
      const began = stack.use(new AsyncDisposableStack());
      began.defer(() => runtime.delete(shell));
      const session = await runtime.attach(shell);
      await runtime.start(shell);
      began.move();
      const owned = own.move();
      stack.move();
      watch(id, one, shell, owned);
      const close = (): void => {
        session.close();
        void runtime.kill(shell, 'SIGKILL').catch(() => undefined);
      };
      return {
        id: shell,
        terminal,
        stdin: session.stdin,
        output: session.output,
        resize: (wanted) => session.resize(wanted),
        close,
      };
    },
    resize: (shell, size) => runtime.resize(shell, size),
    exitOf(shell) {
      const ended = exits.get(shell);
      if (ended === undefined) throw builderErrors.nothingKept({ build: shell });
      return ended;
    },
    release,
    async [Symbol.asyncDispose]() {
      for (const id of kept.keys()) await release(id);
    },
  };
};
