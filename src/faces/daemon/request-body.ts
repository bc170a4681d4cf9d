import { finished, PassThrough, type Readable } from 'node:stream';
import type { Context } from 'hono';
import { incoming } from '#http';

const BUFFER_BYTES = 256 * 1024;

/**
 * Gives `use` the body of a request, which it may give up at any point: the connection stays, and what nobody reads is
 * thrown away. Clients send a body to its end before they look at the answer.
 */
export const withBody = async <T>(c: Context, use: (body: Readable) => Promise<T>): Promise<T> => {
  const request = incoming(c);
  const body = new PassThrough({ highWaterMark: BUFFER_BYTES });
  const forget = finished(request, { writable: false }, (error) => {
    if (error !== null && error !== undefined) body.destroy(error);
  });
  // Whoever reads learns of a broken connection; afterwards nobody has to.
  body.on('error', () => undefined);
  const giveUp = (): void => {
    forget();
    request.unpipe(body);
    request.resume();
  };
  body.once('close', giveUp);
  request.pipe(body);
  try {
    return await use(body);
  } finally {
    body.destroy();
  }
};
