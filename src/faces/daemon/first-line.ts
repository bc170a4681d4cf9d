import type { Readable } from 'node:stream';
import { daemonErrors } from './errors.ts';

const NEWLINE = 0x0a;
const MAX_LINE_BYTES = 16 * 1024 * 1024;

const nextChunk = async (stream: Readable): Promise<Buffer | undefined> =>
  await new Promise((resolve, reject) => {
    const settle = (): void => {
      stream.off('readable', read).off('end', ended).off('error', failed).off('close', ended);
    };
    const failed = (error: Error): void => {
      settle();
      reject(error);
    };
    const ended = (): void => {
      settle();
      resolve(undefined);
    };
    const read = (): void => {
      const chunk = stream.read() as Buffer | null;
      if (chunk === null) return;
      settle();
      resolve(chunk);
    };
    stream.on('readable', read).on('end', ended).on('error', failed).on('close', ended);
    read();
  });

/**
 * Reads the first line of a body that goes on with other bytes; `rest` is the same stream behind it.
 *
 * @throws DAEMON_FIRST_LINE_MISSING when there is no newline within 16 MiB
 */
export const splitFirstLine = async (
  stream: Readable,
): Promise<{ readonly line: string; readonly rest: Readable }> => {
  const held: Buffer[] = [];
  for (let size = 0; size < MAX_LINE_BYTES;) {
    const chunk = await nextChunk(stream);
    if (chunk === undefined) break;
    const at = chunk.indexOf(NEWLINE);
    if (at !== -1) {
      held.push(chunk.subarray(0, at));
      if (at + 1 < chunk.length) stream.unshift(chunk.subarray(at + 1));
      return { line: Buffer.concat(held).toString(), rest: stream };
    }
    held.push(chunk);
    size += chunk.length;
  }
  throw daemonErrors.firstLineMissing({});
};
