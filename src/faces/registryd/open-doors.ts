import { isOpenAccess } from '#access';
import { isLoopbackHost } from '#http';
import type { Logger } from 'pino';
import { registrydErrors } from './errors.ts';
import type { RegistrySettings } from './settings.ts';

const lackOf = (settings: RegistrySettings): string | undefined => {
  const lacks = [
    settings.tls === undefined ? 'TLS' : '',
    isOpenAccess(settings.access) ? 'users' : '',
  ].filter((one) => one !== '');
  return lacks.length === 0 ? undefined : lacks.join(' and ');
};

/**
 * Keeps a registry without TLS or without users on loopback, unless it was told to be insecure.
 *
 * @throws REGISTRYD_OPEN_DOOR
 */
export const refuseOpenDoors = (settings: RegistrySettings, log?: Logger): void => {
  const outside = settings.listen.find(({ host }) => !isLoopbackHost(host));
  const lacks = lackOf(settings);
  if (outside === undefined || lacks === undefined) return;
  const address = `${outside.host}:${outside.port}`;
  if (!settings.insecure) throw registrydErrors.openDoor({ address, lacks });
  log?.warn(
    { address, lacks },
    'INSECURE: listening beyond loopback; only a proxy in front may reach this address',
  );
};
