import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Place } from '#dockerfile';
import { stepsErrors } from './errors.ts';
import type { RunOperation } from './operations.ts';

/** Where vendors describe devices (Container Device Interface). */
const CDI_FOLDERS: readonly string[] = ['/etc/cdi', '/var/run/cdi'];

const filesIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder).filter((name) => /\.(?:json|ya?ml)$/u.test(name));
  } catch {
    return [];
  }
};

/** Whether a specification on this machine is about devices of this kind, such as `vendor.com/gpu`. */
const isDescribed = (kind: string): boolean =>
  CDI_FOLDERS.some((folder) =>
    filesIn(folder).some((name) => readFileSync(join(folder, name)).toString().includes(kind)),
  );

const refuseDevice = (text: string, place: Place): never => {
  const device = text.split(',')[0]?.replace(/^name=/u, '') ?? text;
  if (isDescribed(device.split('=')[0] ?? device))
    throw stepsErrors.notSupported({ what: `RUN --device=${text}`, instead: NO_DEVICES, ...place });
  throw stepsErrors.deviceMissing({ device, reason: 'no CDI specification names it', ...place });
};

const NO_DEVICES = 'use the device in a container that is run from the image';

/** Refuses what a Dockerfile asks for beyond the ordinary, unless whoever builds allowed it. */
export const checkRights = (operation: RunOperation, allow: ReadonlySet<string>, place: Place): void => {
  const need = (what: string, entitlement: string): void => {
    if (!allow.has(entitlement)) throw stepsErrors.notAllowed({ what, entitlement, ...place });
  };
  if (operation.security === 'insecure') need('RUN --security=insecure', 'security.insecure');
  if (operation.network === 'host') need('RUN --network=host', 'network.host');
  for (const text of operation.devices) {
    need(`RUN --device=${text}`, 'device');
    refuseDevice(text, place);
  }
};
