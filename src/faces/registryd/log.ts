import type { ProtocolObserver } from '#protocol';
import { pino, type Logger } from 'pino';

/** Writes JSON lines to standard error. */
export const createLog = (level: string): Logger =>
  pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 2, sync: true }),
  );

/** Faults of the registry at error. */
export const observerOf = (log: Logger): ProtocolObserver => ({
  failed: ({ method, path, error }) => log.error({ method, path, err: error }, 'request failed'),
});
