import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { errnoOf, reapProcess, socketPair, spawnProcess } from '#sys';
import { runtimeErrors } from './errors.ts';

/** What conmon reports on its sync pipe: a process ID, or a negative number with the runtime's message. */
export interface ConmonReport {
  readonly data: number;
  readonly message?: string | undefined;
}

export interface ConmonOptions {
  readonly conmon: string;
  readonly args: readonly string[];
  /**
   * Exec with attached streams: called when its socket is there; the process starts when it resolves. `named` resolves
   * when the file with conmon's process ID is there too.
   */
  readonly beforeStart?: ((named: Promise<unknown>) => Promise<void>) | undefined;
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
const createReportReader = (pipe: Socket): { next(): Promise<ConmonReport | undefined> } => {
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

interface Channels {
  readonly sync: Socket;
  readonly start: Socket;
  readonly attach: Socket | undefined;
}

/** Starts the program with the far ends of its channels, in the order of their numbers. */
const spawnConmon = (options: ConmonOptions): { readonly pid: number; readonly channels: Channels } => {
  const attached = options.beforeStart !== undefined;
  const [sync, start] = [socketPair(), socketPair()];
  const attach = attached ? socketPair() : undefined;
  const pairs = [sync, start, ...(attach === undefined ? [] : [attach])];
  const pass = pairs.map(([, far]) => far);
  try {
    const env = environmentOf(attached);
    const pid = spawnProcess({ path: options.conmon, args: options.args, env, cwd: '/', pass });
    const open = ([fd]: readonly [number, number]): Socket => new Socket({ fd });
    const channels = { sync: open(sync), start: open(start), attach: attach && open(attach) };
    return { pid, channels };
  } catch (error) {
    for (const [near] of pairs) closeSync(near);
    throw errnoOf(error) === 'ENOENT' ? runtimeErrors.programMissing({ name: options.conmon }, error) : error;
  } finally {
    for (const fd of pass) closeSync(fd);
  }
};

/**
 * Starts one conmon, which goes on by itself (it forks and leaves this process's session).
 *
 * The first byte on the start pipe lets conmon run its runtime; an attached exec waits for a second one, which it
 * gets when `beforeStart` has connected to its socket.
 */
export const startConmon = async (options: ConmonOptions): Promise<ConmonRun> => {
  const { pid, channels } = spawnConmon(options);
  const { sync, start, attach } = channels;
  const open = [sync, start, ...(attach === undefined ? [] : [attach])];
  for (const socket of open) socket.on('error', () => undefined);
  // The process that was started forks, writes down the ID of the one that goes on, and ends.
  const named = reapProcess(pid).catch(() => undefined);
  const release = (): void => {
    for (const socket of open) socket.destroy();
  };
  try {
    const reports = createReportReader(sync);
    start.write('\0');
    if (attach !== undefined) {
      const ready = await createReportReader(attach).next();
      if (ready !== undefined) await options.beforeStart?.(named);
      start.write('\0');
    }
    const started = (await reports.next()) ?? SILENT;
    await named;
    return { started, next: () => reports.next(), release };
  } catch (error) {
    release();
    throw error;
  }
};
