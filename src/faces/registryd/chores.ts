import { keepingOptions, keepingSchedules, runRegularly } from '#keeping';
import type { Journal } from '#metadata';
import type { Registry } from '#registry';
import type { Logger } from 'pino';
import type { RegistrySettings } from './settings.ts';

const TRIM_INTERVAL_MS = 60 * 60 * 1000;

type KeepingSettings = RegistrySettings['keeping'];

/** Collects garbage when the settings say so, and looks once in a while whether it is time. */
export const collectRegularly = (
  { keeping }: Pick<Registry, 'keeping'>,
  settings: KeepingSettings,
  log: Logger,
): Disposable & { reload(settings: KeepingSettings): void } => {
  let schedules = keepingSchedules(settings);
  const regular = runRegularly({
    schedule: () => schedules.gc,
    lastMs: () => keeping.lastCollectionMs(),
    run: async () => {
      const { ran, purged, swept } = await keeping.collect({ actor: 'system:gc' });
      const { removal, tags, manifests, blobs } = ran;
      if (removal !== undefined) log.info({ removal, tags, manifests, blobs }, 'garbage collected');
      const freed = purged.blobs + swept.blobs;
      if (freed > 0) log.info({ blobs: freed, bytes: purged.bytes + swept.bytes }, 'space freed');
    },
    failed: (error) => log.error({ err: error }, 'collection failed'),
  });
  return {
    reload: (next) => {
      schedules = keepingSchedules(next);
      keeping.configure(keepingOptions(next));
    },
    [Symbol.dispose]: () => regular[Symbol.dispose](),
  };
};

type AuditSettings = RegistrySettings['audit'];

/** Reads everything and compares it with its digests when the settings say so. */
export const checkRegularly = (
  { keeping }: Pick<Registry, 'keeping'>,
  settings: KeepingSettings,
  log: Logger,
): Disposable & { reload(settings: KeepingSettings): void } => {
  let current = settings;
  const regular = runRegularly({
    schedule: () => keepingSchedules(current).check,
    lastMs: () => keeping.report()?.startedMs ?? 0,
    run: async () => {
      const { repair, rate: bytesPerSecond } = current.check;
      const cause = { actor: 'system:check' };
      const report = await keeping.check({
        cause,
        repair,
        bytesPerSecond,
        onFinding: (finding) => log.error({ finding }, 'the check found damage'),
      });
      const { blobs, bytes, findings } = report;
      log.info({ blobs, bytes, findings: findings.length }, 'everything was checked');
    },
    failed: (error) => log.error({ err: error }, 'the check did not come to its end'),
  });
  return {
    reload: (next) => {
      current = next;
    },
    [Symbol.dispose]: () => regular[Symbol.dispose](),
  };
};

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
