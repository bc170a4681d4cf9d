import { accessErrors, localCaller, retryAfterOf } from '#access';
import { toLadeError, type ErrorKind } from '#errors';
import { cameByUnixSocket, incoming } from '#http';
import { accessRequest, causeOf, factsOf } from '#protocol';
import { Hono, type Context } from 'hono';
import { accountRoutes } from './account-routes.ts';
import { catalogRoutes } from './catalog-routes.ts';
import { administrationErrors } from './errors.ts';
import { refuseForeignSite } from './foreign-site.ts';
import { journalRoutes } from './journal-routes.ts';
import { keepingRoutes } from './keeping-routes.ts';
import { notificationRoutes } from './notification-routes.ts';
import { ownAccountRoutes } from './own-account-routes.ts';
import { signInRoutes } from './sign-in-routes.ts';
import { tagHistoryRoutes } from './tag-history-routes.ts';
import { upstreamRoutes } from './upstream-routes.ts';
import { usageRoutes } from './usage-routes.ts';
import type { AdminEnv, AdminRoutes, AdminServices } from './types.ts';

/** Where the administration's interface begins. */
export const ADMINISTRATION_PATH = '/lade/v1/registry';

const STATUS: Readonly<Record<ErrorKind, 400 | 401 | 403 | 404 | 408 | 409 | 412 | 500 | 501 | 503>> = {
  'invalid-argument': 400,
  'not-found': 404,
  'already-exists': 409,
  conflict: 409,
  'failed-precondition': 412,
  unauthenticated: 401,
  'permission-denied': 403,
  unsupported: 501,
  unavailable: 503,
  timeout: 408,
  cancelled: 408,
  corrupt: 500,
  internal: 500,
};

/** Sends an error; internals of the registry's own faults stay inside. */
const answerError = (c: Context, thrown: unknown, challenge: string): Response => {
  const error = toLadeError(thrown);
  const { kind, code, message, hint, details } = error;
  if (accessErrors.throttled.is(error)) {
    c.header('Retry-After', String(retryAfterOf(error)));
    return c.json({ code, message, hint, details }, 429);
  }
  const status = STATUS[kind];
  if (status === 401) c.header('WWW-Authenticate', challenge);
  const requestId = factsOf(incoming(c)).id;
  return status === 500
    ? c.json({ code, message: 'the registry failed; its log says why', requestId }, status)
    : c.json({ code, message, hint, details, requestId }, status);
};

/** Whether it belongs into the log: 5xx, but for what this registry does not offer. */
const isFault = (thrown: unknown): boolean => {
  const error = toLadeError(thrown);
  const status = STATUS[error.kind];
  return status >= 500 && status !== 501 && !accessErrors.throttled.is(error);
};

/** Every topic of the administration. */
const TOPICS: readonly AdminRoutes[] = [
  accountRoutes,
  catalogRoutes,
  journalRoutes,
  keepingRoutes,
  notificationRoutes,
  tagHistoryRoutes,
  usageRoutes,
  ownAccountRoutes,
  signInRoutes,
  upstreamRoutes,
];

/**
 * The administration's interface under `/lade/v1/registry`: JSON in and out; errors are `{ code, message, hint }`. Who
 * calls through the registry's own unix socket administers it.
 */
export const createAdministration = (services: AdminServices): Hono<AdminEnv> => {
  const { access, observer } = services;
  const app = new Hono<AdminEnv>().basePath(ADMINISTRATION_PATH);
  app.use(async (c, next) => {
    const request = incoming(c);
    const isLocal = cameByUnixSocket(request);
    if (!isLocal) refuseForeignSite(request);
    const caller = isLocal ? localCaller : await access.authenticate(accessRequest(request));
    c.set('caller', caller);
    c.set('cause', causeOf(request, caller));
    await next();
  });
  for (const topic of TOPICS) topic(app, services);
  app.notFound((c) => answerError(c, administrationErrors.pathUnknown({ path: c.req.path }), ''));
  app.onError((error, c) => {
    if (isFault(error)) observer?.failed?.({ method: c.req.method, path: c.req.path, error });
    return answerError(c, error, access.challenge([], accessRequest(incoming(c))));
  });
  return app;
};
