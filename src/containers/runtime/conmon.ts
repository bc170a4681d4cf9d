import { spawn, type ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { runtimeErrors } from './errors.ts';

/** What conmon reports on its sync pipe: a process ID, or a negative number with the runtime's message. */
export interface ConmonReport {
  readonly data: number;
  readonly message?: string | undefined;
}

export interface ConmonOptions {
  readonly conmon: string;
  readonly args: readonly string[];
  /** Exec with attached streams: called when its socket is there; the process starts when it resolves. */
  readonly beforeStart?: (() => Promise<void>) | undefined;
}

const SYNC_FD = 3;
const START_FD = 4;
const ATTACH_FD = 5;

const parseReport = (line: string): ConmonReport => {
  try {
    return JSON.parse(line) as ConmonReport;
  } catch {
    return { data: -1, message: line };
  }
};

/** Reads JSON lines as they come; each `next()` is one report, undefined at the end. */
const createReportReader = (pipe: Duplex): { next(): Promise<ConmonReport | undefined> } => {
  const lines: ConmonReport[] = [];
  const waiting: ((report: ConmonReport | undefined) => void)[] = [];
  let text = '';
  let ended = false;
  const deliver = (report: ConmonReport): void => {
    const waiter = waiting.shift();
    if (waiter === undefined) lines.push(report);
    else waiter(report);
  };
  const end = (): void => {
    ended = true;
    for (const waiter of waiting.splice(0)) waiter(undefined);
  };
  pipe.setEncoding('utf8');
  pipe.on('data', (chunk: string) => {
    text += chunk;
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n')) {
      deliver(parseReport(text.slice(0, at)));
      text = text.slice(at + 1);
    }
  });
  pipe.once('end', end).once('error', end).once('close', end);
  return {
    next: () =>
      new Promise((resolve) => {
        const ready = lines.shift();
        if (ready !== undefined || ended) resolve(ready);
        else waiting.push(resolve);
      }),
  };
};

const pipeOf = (child: ChildProcess, fd: number): Duplex => child.stdio[fd] as unknown as Duplex;

const spawned = (child: ChildProcess, name: string): Promise<void> =>
  new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ENOENT' ? runtimeErrors.programMissing({ name }, error) : error),
    );
  });

export interface ConmonRun {
  /** Process ID of the container or exec, or what the runtime said when it failed. */
  readonly started: ConmonReport;
  /** The next report: an exec's exit code; undefined when conmon ended or the pipe was released. */
  next(): Promise<ConmonReport | undefined>;
  /** Stops listening. Conmon does not mind. */
  release(): void;
}

const SILENT: ConmonReport = { data: -1, message: 'conmon ended without a word' };

const environmentOf = (attached: boolean): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  _OCI_SYNCPIPE: String(SYNC_FD),
  _OCI_STARTPIPE: String(START_FD),
  ...(attached ? { _OCI_ATTACHPIPE: String(ATTACH_FD) } : {}),
});

/**
 * Starts one conmon, which goes on by itself (it forks and leaves this process's session).
 *
 * The first byte on the start pipe lets conmon run its runtime; an attached exec waits for a second one, which it
 * gets when `beforeStart` has connected to its socket.
 */
export const startConmon = async (options: ConmonOptions): Promise<ConmonRun> => {
  const { beforeStart } = options;
  const attached = beforeStart !== undefined;
  const child = spawn(options.conmon, options.args, {
    cwd: '/',
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe', ...(attached ? ['pipe' as const] : [])],
    env: environmentOf(attached),
  });
  await spawned(child, options.conmon);
  const pipes = [SYNC_FD, START_FD, ...(attached ? [ATTACH_FD] : [])].map((fd) => pipeOf(child, fd));
  for (const pipe of pipes) pipe.on('error', () => undefined);
  const release = (): void => {
    for (const pipe of pipes) pipe.destroy();
    child.unref();
  };
  try {
    const reports = createReportReader(pipeOf(child, SYNC_FD));
    pipeOf(child, START_FD).write('\0');
    if (attached) {
      const ready = await createReportReader(pipeOf(child, ATTACH_FD)).next();
      if (ready !== undefined) await beforeStart();
      pipeOf(child, START_FD).write('\0');
    }
    return { started: (await reports.next()) ?? SILENT, next: () => reports.next(), release };
  } catch (error) {
    release();
    throw error;
  }
};
