import { createReloadableAccess, isOpenAccess, type ReloadableAccess } from '#access';
import type { MetadataStore } from '#metadata';
import type { Logger } from 'pino';
import type { Reloader } from './reload.ts';
import type { RegistrySettings } from './settings.ts';

/** Access control as the settings want it; none where everybody may do everything. */
export const accessControl = async (
  { access }: RegistrySettings,
  metadata: MetadataStore,
): Promise<ReloadableAccess | undefined> =>
  isOpenAccess(access) ? undefined : createReloadableAccess({ ...metadata, settings: access });

/** Takes over other settings; only between a registry with users and one without lies a restart. */
export const accessReloader =
  (access: ReloadableAccess | undefined, log: Logger): Reloader =>
  async (next) => {
    if (isOpenAccess(next.access) === (access === undefined)) await access?.reload(next.access);
    else log.warn({ keys: ['access.enabled'] }, 'these settings changed, and need a restart');
  };
