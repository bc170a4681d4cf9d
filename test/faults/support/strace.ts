/** strace on a daemon: what it asks of the kernel, and faults in its stead. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { run } from '../../support/process.ts';

/** Why strace cannot be used here; undefined when it can. */
export const straceProblem = async (): Promise<string | undefined> => {
  try {
    const { code, stderr } = await run('strace', ['-e', 'trace=exit_group', 'true']);
    return code === 0 ? undefined : `needs ptrace: ${stderr.trim()}`;
  } catch {
    return 'needs strace';
  }
};

const PATIENCE_MS = 1000;

export interface Tracing extends AsyncDisposable {
  /** Lets the process go on without strace; at once when it is dead already. */
  detach(): Promise<void>;
}

/**
 * Attaches to a process and all its threads, also to come. Numbers in `when=` count the calls of each thread from here.
 * Errors: when strace ends before it is attached.
 */
export const attach = async (pid: number, args: readonly string[]): Promise<Tracing> => {
  const child = spawn('strace', ['-f', '-p', String(pid), ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(child, 'exit');
  let said = '';
  const attached = new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      said += `${line}\n`;
      if (/^strace: Process \d+ attached/.test(line)) resolve();
    });
    exited.then(() => reject(new Error(`strace ended: ${said}`)), reject);
  });
  await attached;
  const detach = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT');
    // Asked to detach from a process whose threads are just being killed, strace 6.1 waits for ever.
    const stuck = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    await exited;
    clearTimeout(stuck);
  };
  return { detach, [Symbol.asyncDispose]: detach };
};

/** A fault in the stead of the `when`th call of `call` by each thread; `from` there on with a plus sign. */
export interface Injection {
  readonly call: string;
  readonly when: string;
  readonly fault: 'signal=KILL' | 'error=EIO' | 'error=ENOSPC';
}

export const injectionArgs = ({ call, when, fault }: Injection): readonly string[] => [
  '-o',
  '/dev/null',
  '-e',
  `trace=${call}`,
  '-e',
  `inject=${call}:${fault}:when=${when}`,
];
