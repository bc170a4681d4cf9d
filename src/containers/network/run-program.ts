import { spawn } from 'node:child_process';
import { networkErrors } from './errors.ts';

const MOST_OUTPUT = 1 << 20;
/** A daemon may be started with a short PATH; the network programs live in sbin. */
const PATH = `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`;

/**
 * Runs a program to its end, with `input` as its standard input, and resolves with its standard output.
 *
 * Errors: `failed-precondition` when it is not installed, `internal` with its words when it fails.
 */
export const runProgram = async (program: string, args: readonly string[], input = ''): Promise<string> => {
  const child = spawn(program, args, { env: { ...process.env, PATH, LC_ALL: 'C' }, stdio: 'pipe' });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].on('data', (data: Buffer) => {
      if (output[name].length < MOST_OUTPUT) output[name] += data.toString();
    });
  // A program that ended early says so by its exit code.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') reject(networkErrors.programMissing({ program }, error));
      else reject(networkErrors.programFailed({ program, text: error.message }, error));
    });
    child.on('close', resolve);
  });
  if (code === 0) return output.stdout;
  throw networkErrors.programFailed({ program, text: output.stderr.trim() || `it ended with ${code}` });
};
