import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** What a finished command left behind. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly cwd?: string | undefined;
  readonly input?: string | Uint8Array | undefined;
  readonly timeoutMs?: number | undefined;
}

const collect = async (stream: NodeJS.ReadableStream | null): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  if (stream !== null) for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

/** Runs a command to its end; never throws on its exit code. */
export const run = async (
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> => {
  const child = spawn(command, args, {
    env: options.env ?? process.env,
    cwd: options.cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 120_000,
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input);
  const [stdout, stderr, [code]] = await Promise.all([
    collect(child.stdout),
    collect(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { code, stdout: stdout.toString(), stderr: stderr.toString() };
};

/** Like `run`, but a non-zero exit is an error that shows both outputs. */
export const mustRun = async (
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> => {
  const result = await run(command, args, options);
  if (result.code !== 0)
    throw new Error(
      `${command} ${args.join(' ')} ended with ${result.code}\n${result.stdout}\n${result.stderr}`,
    );
  return result;
};

/** A program that serves until it is stopped. */
export interface Service extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly readyLine: string;
  /** What it wrote to stderr so far. */
  stderr(): string;
  kill(signal: NodeJS.Signals): Promise<void>;
}

const STDIO: StdioOptions = ['ignore', 'pipe', 'pipe'];

/** Starts a program and waits up to 30 s for its first line on stdout. */
export const startService = async (
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Service> => {
  const child = spawn(command, args, { stdio: STDIO, env });
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-100_000);
  });
  const exited = once(child, 'exit');
  if (child.stdout === null) throw new Error('no stdout');
  const lines = createInterface({ input: child.stdout });
  const ready = once(lines, 'line', { signal: AbortSignal.timeout(30_000) }) as Promise<[string]>;
  const early = exited.then(([code]) => {
    throw new Error(`${command} ${args.join(' ')} ended with ${String(code)} before it was ready:\n${log}`);
  });
  early.catch(() => undefined);
  const [readyLine] = await Promise.race([ready, early]);
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await exited;
  };
  return { child, readyLine, stderr: () => log, kill, [Symbol.asyncDispose]: () => kill('SIGTERM') };
};
