import { spawn } from 'node:child_process';
import type { Container } from './container.ts';
import type { EngineContext } from './context.ts';
import { engineErrors } from './errors.ts';
import { isLive } from './record.ts';
import type { TopResult } from './types.ts';

const runPs = (args: readonly string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn('ps', args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C' },
    });
    let output = '';
    let complaint = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
    child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString('utf8')));
    child.once('error', (error) => reject(engineErrors.psFailed({ text: error.message }, error)));
    child.once('close', (code) =>
      code === 0 ? resolve(output) : reject(engineErrors.psFailed({ text: complaint.trim() })),
    );
  });

/** Splits a line into as many fields as there are titles; the last one keeps its spaces. */
const fieldsOf = (line: string, count: number): readonly string[] => {
  const words = line.trim().split(/\s+/);
  return [...words.slice(0, count - 1), words.slice(count - 1).join(' ')];
};

/** The rows of ps whose process is one of `pids`. */
export const selectProcesses = (output: string, pids: readonly number[]): TopResult => {
  const [header = '', ...lines] = output.split('\n').filter((line) => line.trim() !== '');
  const titles = header.trim().split(/\s+/);
  const column = titles.indexOf('PID');
  if (column === -1) throw engineErrors.psFailed({ text: "Couldn't find PID field in ps output" });
  const wanted = new Set(pids);
  const processes = lines
    .map((line) => fieldsOf(line, titles.length))
    .filter((fields) => wanted.has(Number(fields[column])));
  return { titles, processes };
};

/** `docker top`: this machine's ps, the rows of the container's processes. */
export const top = async (
  context: EngineContext,
  container: Container,
  psArgs: string,
): Promise<TopResult> => {
  if (!isLive(container.record)) throw engineErrors.notRunning({ name: container.record.name });
  const args = psArgs.trim() === '' ? ['-ef'] : psArgs.trim().split(/\s+/);
  const output = await runPs(args);
  return selectProcesses(output, context.runtime.processes(container.id));
};
