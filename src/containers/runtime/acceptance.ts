import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** A monitor is in its loop within a millisecond; on a machine with far too much to do, within a second or so. */
const PATIENCE_MS = 20_000;
const SPINS = 20;

const linkOf = (path: string): string => {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
};

/** The sockets that a process has open, by the kernel's numbers; undefined where it may not be looked into, or is gone. */
const socketsOf = (pid: number): ReadonlySet<string> | undefined => {
  const directory = `/proc/${pid}/fd`;
  try {
    const links = readdirSync(directory).map((fd) => linkOf(`${directory}/${fd}`));
    return new Set(links.filter((link) => link.startsWith('socket:')));
  } catch {
    return undefined;
  }
};

/** Tells whether a process took the connection that was made after this. */
export interface Acceptance {
  /** Resolves when it did; false when the process ended, or did not for a long time. */
  taken(): Promise<boolean>;
}

/**
 * Watches process `pid` take one connection to a unix socket of its own: connecting succeeds when the connection is
 * queued, and nothing but the taker's own descriptors tells when it has been taken. Where those cannot be seen, every
 * connection counts as taken.
 */
export const expectAcceptance = (pid: number, patienceMs: number = PATIENCE_MS): Acceptance => {
  const before = socketsOf(pid);
  return {
    taken: async () => {
      if (before === undefined) return true;
      const deadline = Date.now() + patienceMs;
      for (let attempt = 0; Date.now() < deadline; attempt += 1) {
        const now = socketsOf(pid);
        if (now === undefined) return false;
        for (const socket of now) if (!before.has(socket)) return true;
        await (attempt < SPINS ? new Promise((resolve) => setImmediate(resolve)) : delay(1));
      }
      return false;
    },
  };
};
