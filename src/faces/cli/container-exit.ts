import type { WaitAnswer } from '#api';
import type { ClientAnswer, DockerClient } from '#client';
import { isLadeError, toLadeError } from '#errors';
import { containerPath } from './paths.ts';

/** Docker's exit codes of `run`, `start` and `exec` for what is not the process's own. */
const DAEMON_FAILED = 125;
const CANNOT_INVOKE = 126;
const NOT_FOUND = 127;

/**
 * The exit code for an error. That a program is missing or is no program reaches a client only as the runtime's
 * sentence, which docker's own command line reads in the same way.
 */
export const exitCodeOf = (error: unknown): number => {
  if (isLadeError(error, 'invalid-argument') && error.code.startsWith('CLI_')) return DAEMON_FAILED;
  const { message } = toLadeError(error);
  if (/executable file not found|no such file or directory|system cannot find the file/.test(message))
    return NOT_FOUND;
  if (/permission denied|is a directory|exec format error/.test(message)) return CANNOT_INVOKE;
  return DAEMON_FAILED;
};

/** Waits on the daemon's side from now on: the promise resolves when the daemon has begun to wait. */
export const beginWait = async (
  client: DockerClient,
  container: string,
  condition: 'next-exit' | 'removed' | 'not-running',
): Promise<() => Promise<WaitAnswer>> => {
  const answer: ClientAnswer = await client.stream({
    method: 'POST',
    path: containerPath(container, '/wait'),
    query: { condition },
  });
  const result = (async (): Promise<WaitAnswer> => {
    const chunks: Buffer[] = [];
    for await (const chunk of answer.body as AsyncIterable<Buffer>) chunks.push(chunk);
    return JSON.parse(Buffer.concat(chunks).toString()) as WaitAnswer;
  })();
  result.catch(() => undefined);
  return () => result;
};
