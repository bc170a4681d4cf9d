import type { RegistryEvent } from '#registry';
import { pino, type Logger } from 'pino';

/** Writes JSON lines to standard error. */
export const createLog = (level: string): Logger =>
  pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 2, sync: true }),
  );

/** Changes at info, reads at debug, faults at error. */
export const logEvent = (log: Logger, event: RegistryEvent): void => {
  if (event.kind === 'failed') {
    log.error({ method: event.method, path: event.path, err: event.error }, 'request failed');
    return;
  }
  const { kind, ...details } = event;
  const idle = kind === 'collected' && event.blobs === 0 && event.uploads === 0;
  if (kind === 'manifest-pulled' || kind === 'blob-mounted' || kind === 'blob-pushed' || idle)
    log.debug(details, kind);
  else log.info(details, kind);
};
