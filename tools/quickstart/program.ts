import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A long-running program of ours. */
export interface Program {
  /** The first line it printed: it is ready, and says where. */
  readonly readyLine: string;
  /** Ends it with SIGTERM and waits for it. */
  stop(): Promise<void>;
}

/**
 * Starts `command` and waits for its ready line; its stderr goes to the file `log`.
 *
 * @throws when it exits before it is ready, or is not ready after 30 s.
 */
export const startProgram = async (
  command: string,
  args: readonly string[],
  log: string,
): Promise<Program> => {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', openSync(log, 'a')] });
  const exited = once(child, 'exit');
  if (child.stdout === null) throw new Error('no standard output');
  const lines = createInterface({ input: child.stdout });
  const ready = once(lines, 'line', { signal: AbortSignal.timeout(30_000) }) as Promise<[string]>;
  const early = exited.then(([code]) => {
    throw new Error(`${command} ${args.join(' ')} ended with ${String(code)} before it was ready`);
  });
  early.catch(() => undefined);
  const [readyLine] = await Promise.race([ready, early]);
  return {
    readyLine,
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null && child.signalCode === null) await exited;
    },
  };
};
