import type { Context } from 'hono';
import { toLadeError } from '#errors';
import type { AdminEnv } from './types.ts';

/** Work that tells how it goes, one JSON value a line. */
export type TellingWork = (
  tell: (value: unknown) => Promise<void> | void,
  signal: AbortSignal,
) => Promise<void>;

/** Bytes that may wait for the client before work that can wait does. */
const HIGH_WATER = 256 * 1024;

/**
 * Answers with one JSON object a line while the work goes on; a failure is the last line, `{ "error": … }`. The work is
 * aborted when the client goes. `tell` answers a promise where the client does not keep up.
 */
export const answerLines = (c: Context<AdminEnv>, work: TellingWork): Response => {
  const abort = new AbortController();
  const encoder = new TextEncoder();
  let wanted = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        const tell = (value: unknown): Promise<void> | undefined => {
          if (abort.signal.aborted) return undefined;
          controller.enqueue(encoder.encode(`${JSON.stringify(value)}\n`));
          if ((controller.desiredSize ?? 0) > 0) return undefined;
          wanted = Promise.withResolvers<void>();
          return wanted.promise;
        };
        const run = async (): Promise<void> => {
          try {
            await work(tell, abort.signal);
          } catch (thrown) {
            const { code, message, hint } = toLadeError(thrown);
            void tell({ error: { code, message, hint } });
          }
          if (!abort.signal.aborted) controller.close();
        };
        void run();
      },
      pull: () => wanted.resolve(),
      cancel: () => {
        abort.abort();
        wanted.resolve();
      },
    },
    { highWaterMark: HIGH_WATER, size: (chunk) => chunk.byteLength },
  );
  return c.body(body, 200, { 'Content-Type': 'application/x-ndjson' });
};
