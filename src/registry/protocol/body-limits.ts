import type { IncomingMessage, ServerResponse } from 'node:http';

/** Milliseconds that a client may go on with a body after its answer, so that it gets to read it. */
const AFTER_ANSWER_MS = 60_000;

const IDLE_MS = 5 * 60 * 1000;

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/**
 * Cuts a connection that sends nothing of its body for so long (default 5 minutes, 0: never), and one that still sends long after the
 * answer. A body may otherwise take as long as it likes.
 */
export const limitBody = (request: IncomingMessage, response: ServerResponse, idleMs = IDLE_MS): void => {
  if (!hasBody(request)) return;
  const { socket } = request;
  let timer: NodeJS.Timeout | undefined;
  // The server cuts a connection whose time is over; after an answer it sets the time of idle connections.
  socket.setTimeout(idleMs);
  request.once('end', () => {
    if (!response.writableFinished) socket.setTimeout(0);
  });
  request.once('close', () => clearTimeout(timer));
  response.once('finish', () => {
    if (!request.readableEnded && !request.destroyed)
      timer = setTimeout(() => socket.destroy(), AFTER_ANSWER_MS).unref();
  });
};
