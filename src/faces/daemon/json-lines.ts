import type { Context } from 'hono';
import type { ProgressLine } from '#api';
import { toLadeError } from '#errors';
import { answered, outgoing } from '#http';
import { messageFor } from './answer-error.ts';

/** What may wait for a client that does not read; beyond it the connection is cut, so that memory stays bounded. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;

/** A streamed answer of one JSON value a line; the head is sent with the first line. */
export interface JsonLines {
  readonly begun: () => boolean;
  /** Bytes that wait for the client. */
  readonly unread: () => number;
  /** Sends the head without a line, so that the client knows that the call was accepted. */
  begin(): void;
  write(value: object): void;
  /** The same for text that is JSON already. */
  writeText(json: string): void;
  end(): void;
}

export const jsonLines = (c: Context): JsonLines => {
  const response = outgoing(c);
  const begin = (): void => {
    if (response.headersSent) return;
    response.writeHead(200, { 'Content-Type': 'application/json' });
    response.flushHeaders();
  };
  const writeText = (json: string): void => {
    begin();
    // Work that was given up may still report when the answer has ended.
    if (response.destroyed || response.writableEnded) return;
    response.write(`${json}\r\n`);
    if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
  };
  return {
    begun: () => response.headersSent,
    unread: () => response.writableLength,
    begin,
    writeText,
    write: (value) => writeText(JSON.stringify(value)),
    end() {
      begin();
      response.end();
    },
  };
};

/** Docker's error line; Lade's own clients read the hint besides. `code` becomes the exit status of `docker build`. */
export const errorLine = (
  thrown: unknown,
  userAgent: string | undefined,
  code: number | undefined,
): ProgressLine => {
  const error = toLadeError(thrown);
  const message = messageFor(error, userAgent);
  const hint = error.hint === undefined || message.includes(error.hint) ? {} : { hint: error.hint };
  return {
    errorDetail: { ...(code === undefined ? {} : { code }), message, ...hint },
    error: message,
  };
};

/**
 * Runs work that reports progress as JSON lines. What fails before the first line is an ordinary error answer with its
 * status, what fails later is an error line.
 */
export const streamProgress = async (
  c: Context,
  work: (lines: JsonLines) => Promise<void>,
): Promise<Response> => {
  const lines = jsonLines(c);
  try {
    await work(lines);
  } catch (error) {
    if (!lines.begun()) throw error;
    lines.write(errorLine(error, c.req.header('user-agent'), undefined));
  }
  lines.end();
  return answered();
};
