import { stepsErrors } from './errors.ts';
import type { RunOperation } from './operations.ts';
import type { StepPlace } from './run-copy.ts';

/** Refuses what a Dockerfile asks for beyond the ordinary, unless whoever builds allowed it. */
export const checkRights = (operation: RunOperation, allow: ReadonlySet<string>, place: StepPlace): void => {
  const need = (what: string, entitlement: string): void => {
    if (!allow.has(entitlement)) throw stepsErrors.notAllowed({ what, entitlement, ...place });
  };
  if (operation.security === 'insecure') need('RUN --security=insecure', 'security.insecure');
  if (operation.network === 'host') need('RUN --network=host', 'network.host');
  for (const text of operation.devices) {
    need(`RUN --device=${text}`, 'device');
    const device = text.split(',')[0]?.replace(/^name=/u, '') ?? text;
    const reason = 'no CDI specification names it';
    throw stepsErrors.deviceMissing({ device, reason, ...place });
  }
};
