import { accessErrors, isVisible, retryAfterOf, type AccessControl } from '#access';
import { classicSearch } from '#catalog';
import type { Context, Hono } from 'hono';
import { incoming, requestSignal } from '#http';
import { accessRequest, translateError, type ProtocolObserver, type RegistryStorage } from '#protocol';

const MOST = 100;
const STANDARD = 25;

interface SearchServices {
  readonly storage: RegistryStorage;
  readonly access: AccessControl;
  readonly observer?: Pick<ProtocolObserver, 'failed'> | undefined;
}

/** Answers what has nothing to do with who asks; internals of the registry's own faults stay inside. */
const answerFailure = (c: Context, thrown: unknown, { observer }: SearchServices): Response => {
  const { status, code, error } = translateError(thrown);
  const isFault = status >= 500;
  if (isFault) observer?.failed?.({ method: c.req.method, path: c.req.path, error: thrown });
  if (accessErrors.throttled.is(error)) c.header('Retry-After', String(retryAfterOf(error)));
  const message = isFault ? 'the registry failed; its log says why' : error.message;
  return c.newResponse(JSON.stringify({ errors: [{ code, message }] }), {
    status: status as 400,
    headers: { 'Content-Type': 'application/json' },
  });
};

/**
 * `GET /v1/search?q=TERM&n=25`, which `docker search HOST/TERM` and `podman search` ask, and the ping that docker sends
 * before it. Finds what the caller may pull.
 */
export const addClassicSearch = (app: Hono, services: SearchServices): void => {
  const { storage, access } = services;
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
      const signal = requestSignal(c);
      const found = await classicSearch(storage.metadata, { query, limit, mayPull, signal });
      // podman asks without its credentials, and with them at /v2/_catalog only when this is refused.
      return caller.loggedIn || found.num_results > 0 ? c.json(found) : refused(c);
    } catch (error) {
      const isUnknown = translateError(error).error.kind === 'unauthenticated';
      return isUnknown ? refused(c) : answerFailure(c, error, services);
    }
  });
};
