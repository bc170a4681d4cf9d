import { closeSync, constants, openSync, readSync, unlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** The runtime's process writes within microseconds of our open; what takes longer is looked for each millisecond. */
const SPINS = 20;

const readByte = (fd: number, byte: Buffer): boolean => {
  try {
    return readSync(fd, byte) === 1;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false;
    throw error;
  }
};

const nextTurn = (attempt: number): Promise<void> =>
  attempt < SPINS ? new Promise((resolve) => setImmediate(resolve)) : delay(1);

/** Waits for the byte. Once the process is gone one more look decides: a short command may have written, run and ended. */
const untilWritten = async (fd: number, isAlive: () => boolean): Promise<boolean> => {
  const byte = Buffer.alloc(1);
  for (let attempt = 0; ; attempt += 1) {
    const gone = attempt >= SPINS && !isAlive();
    if (readByte(fd, byte)) return true;
    if (gone) return false;
    await nextTurn(attempt);
  }
};

/**
 * Lets a created container run: its process waits until somebody reads its FIFO, which is what `runc start` does.
 *
 * Never blocks: the FIFO is opened non-blocking, since a blocking open of one whose writer died would never end.
 * False when `isAlive` says that the process is gone.
 */
export const openExecFifo = async (path: string, isAlive: () => boolean): Promise<boolean> => {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await untilWritten(fd, isAlive))) return false;
    unlinkSync(path);
    return true;
  } finally {
    closeSync(fd);
  }
};
