import type { Socket } from 'node:net';

/** A state names every container of a root; nothing honest is longer. */
const MOST_CHARACTERS = 64 * 1024 * 1024;

/**
 * Calls `take` with each JSON value of a socket that carries one on each line. A peer that sends anything else loses
 * its connection.
 *
 * Not `readline`: its interface repeats the socket's `error` event, and a peer that was killed would end this process.
 */
export const onMessage = <T>(socket: Socket, take: (message: T) => void): void => {
  let held = '';
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = (held + text).split('\n');
    held = lines.pop() ?? '';
    try {
      for (const line of lines) take(JSON.parse(line) as T);
    } catch {
      socket.destroy();
    }
    if (held.length > MOST_CHARACTERS) socket.destroy();
  });
};
