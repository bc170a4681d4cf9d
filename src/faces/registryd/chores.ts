import type { Journal } from '#metadata';
import type { Registry } from '#registry';
import type { Logger } from 'pino';
import type { RegistrySettings } from './settings.ts';

const COLLECT_INTERVAL_MS = 10 * 60 * 1000;
const TRIM_INTERVAL_MS = 60 * 60 * 1000;

/** Frees what nothing refers to, now and then. */
export const collectRegularly = (registry: Registry, log: Logger): Disposable => {
  const failed = (error: unknown): void => log.error({ err: error }, 'collection failed');
  const timer = setInterval(() => void registry.collect().catch(failed), COLLECT_INTERVAL_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
};

type AuditSettings = RegistrySettings['audit'];

/** Removes old entries of the journal every hour, and once at the start. */
export const trimJournalRegularly = (
  journal: Pick<Journal, 'trim'>,
  settings: AuditSettings,
  log: Logger,
): Disposable & { reload(settings: AuditSettings): void } => {
  let { keepFor } = settings;
  const trim = async (): Promise<void> => {
    if (keepFor === 0) return;
    const removed = await journal.trim(Date.now() - keepFor);
    if (removed > 0) log.info({ removed }, 'old entries of the journal removed');
  };
  const failed = (error: unknown): void => log.error({ err: error }, 'trimming the journal failed');
  void trim().catch(failed);
  const timer = setInterval(() => void trim().catch(failed), TRIM_INTERVAL_MS).unref();
  return {
    reload: (next) => {
      ({ keepFor } = next);
      void trim().catch(failed);
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
};
