import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { RegistrySettings } from './settings.ts';

/** Takes over its part of new settings. */
export type Reloader = (settings: RegistrySettings) => void | Promise<void>;

export interface Change {
  /** Settings at the start of the program. */
  readonly before: RegistrySettings;
  readonly after: RegistrySettings;
  readonly log: Logger;
}

/** Keys that are read once, when the program starts. */
const FIXED = [
  'root',
  'listen',
  'insecure',
  'drain',
  'tls',
  'trustedProxies',
  'metrics',
  'health',
  'limits',
  'upstreams',
] as const;

/** Gives new settings to every part; one that fails keeps what it had, and the others go on. */
export const reloadAll = async (
  reloaders: readonly Reloader[],
  { before, after, log }: Change,
): Promise<void> => {
  const keys = FIXED.filter((key) => !isDeepStrictEqual(before[key], after[key]));
  if (keys.length > 0) log.warn({ keys }, 'these settings changed, and need a restart');
  for (const reloader of reloaders) {
    try {
      await reloader(after);
    } catch (error) {
      log.error({ err: error }, 'new settings were not taken over');
    }
  }
  log.info('settings read again');
};
