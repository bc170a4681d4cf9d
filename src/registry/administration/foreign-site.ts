import type { IncomingMessage } from 'node:http';
import { accessErrors } from '#access';

const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const OWN_SITES: ReadonlySet<string> = new Set(['same-origin', 'none']);

const hostOf = (origin: string): string | undefined =>
  URL.canParse(origin) ? new URL(origin).host : undefined;

/**
 * Refuses a write that a page of another site makes a browser send: what a browser adds by itself (a session's cookie, a
 * client certificate, being on this machine) proves who sits before it, not what they want.
 *
 * @throws ACCESS_DENIED
 */
export const refuseForeignSite = ({ method = 'GET', headers }: IncomingMessage): void => {
  if (SAFE.has(method) || headers.authorization !== undefined) return;
  const site = headers['sec-fetch-site'];
  const { origin, host } = headers;
  const isForeign =
    (typeof site === 'string' && !OWN_SITES.has(site)) || (origin !== undefined && hostOf(origin) !== host);
  if (isForeign)
    throw accessErrors.denied({
      name: 'a page of another site',
      action: 'change',
      repository: 'this registry',
    });
};
