import { createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Abstract: it belongs to the network namespace whose devices it guards, and the kernel frees it with the process. */
const NAME = '\0lade-network';
const RETRY_MS = 15;
/** A stranger may hold the name; choosing a range without the lock is then the lesser harm. */
const GIVE_UP_MS = 5000;

const tryTake = async (): Promise<Server | undefined> => {
  // The name takes connections of anybody on this machine; nobody has anything to say here.
  const server = createServer((stranger) => stranger.destroy());
  return await new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(NAME, () => resolve(server));
  });
};

/** Runs `work` while no other daemon on this machine chooses address ranges or device names. */
export const withMachineLock = async <T>(work: () => Promise<T> | T): Promise<T> => {
  const deadline = performance.now() + GIVE_UP_MS;
  let held = await tryTake();
  while (held === undefined && performance.now() < deadline) {
    await delay(RETRY_MS);
    held = await tryTake();
  }
  try {
    return await work();
  } finally {
    held?.close();
  }
};
