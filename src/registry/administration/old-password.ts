import { accessErrors, type AccessControl } from '#access';
import { incoming } from '#http';
import { accessRequest } from '#protocol';
import type { Context } from 'hono';
import type { AdminEnv } from './types.ts';

/**
 * Whoever changes the own password shows the old one: what a stolen token, session or client configuration proves is not
 * enough to keep its owner out. Guesses are slowed down and journaled as those of logins are. Callers on this machine
 * need none.
 *
 * @throws ACCESS_OLD_PASSWORD_NEEDED, ACCESS_THROTTLED
 */
export const requireOldPassword = async (
  c: Context<AdminEnv>,
  access: AccessControl,
  oldPassword: string | undefined,
): Promise<void> => {
  const { name, kind } = c.get('caller');
  if (kind === 'local') return;
  if (oldPassword === undefined) throw accessErrors.oldPasswordNeeded({});
  const { address } = accessRequest(incoming(c));
  const authorization = `Basic ${Buffer.from(`${name}:${oldPassword}`).toString('base64')}`;
  try {
    const { proof } = await access.authenticate({ authorization, address });
    if (proof === 'password') return;
  } catch (error) {
    if (!accessErrors.unauthorized.is(error)) throw error;
  }
  throw accessErrors.oldPasswordNeeded({});
};
