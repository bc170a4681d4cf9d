import { callError } from './errors.ts';
import { lastErrno, libcFunction } from './libc.ts';

const cSendfile = libcFunction('long sendfile(int to, int from, uint8_t *offset, size_t count)');

const offset = Buffer.alloc(8);
const TRY_AGAIN: ReadonlySet<string> = new Set(['EAGAIN', 'EWOULDBLOCK', 'EINTR']);

/**
 * Sends up to `count` bytes that begin at `start` of an open file to a socket that does not block, inside the kernel.
 * Gives how many were taken: 0 when the socket takes none now; undefined where the file ends.
 */
export const sendFile = (
  socket: number,
  file: number,
  { start, count }: { readonly start: number; readonly count: number },
): number | undefined => {
  offset.writeBigInt64LE(BigInt(start));
  const sent = Number(cSendfile(socket, file, offset, count));
  if (sent > 0) return sent;
  if (sent === 0) return undefined;
  const errno = lastErrno();
  if (TRY_AGAIN.has(errno)) return 0;
  throw callError({ call: 'sendfile', target: `fd ${socket}`, errno });
};
