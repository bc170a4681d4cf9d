import { isVisible, type AccessControl } from '#access';
import { classicSearch } from '#catalog';
import type { Context, Hono } from 'hono';
import { incoming } from '#http';
import { accessRequest, type RegistryStorage } from '#protocol';

const MOST = 100;
const STANDARD = 25;

/**
 * `GET /v1/search?q=TERM&n=25`, which `docker search HOST/TERM` and `podman search` ask, and the ping that docker sends
 * before it. Finds what the caller may pull.
 */
export const addClassicSearch = (
  app: Hono,
  { storage, access }: { readonly storage: RegistryStorage; readonly access: AccessControl },
): void => {
  const refused = (c: Context): Response => {
    c.header('WWW-Authenticate', access.challenge([], accessRequest(incoming(c))));
    return c.json({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] }, 401);
  };
  app.get('/v1/_ping', (c) => {
    c.header('X-Docker-Registry-Version', '0.9.1');
    c.header('X-Docker-Registry-Standalone', 'true');
    return c.json(true);
  });
  app.get('/v1/search', async (c) => {
    try {
      const caller = await access.authenticate(accessRequest(incoming(c)));
      const limit = Math.min(Number(c.req.query('n') ?? STANDARD) || STANDARD, MOST);
      const query = (c.req.query('q') ?? '').slice(0, 200);
      const mayPull = (name: string): boolean => isVisible(caller, name);
      const found = classicSearch(storage.metadata, { query, limit, mayPull });
      // podman asks without its credentials, and with them at /v2/_catalog only when this is refused.
      return caller.loggedIn || found.num_results > 0 ? c.json(found) : refused(c);
    } catch {
      return refused(c);
    }
  });
};
