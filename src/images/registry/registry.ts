import { answered, incoming, outgoing } from '#http';
import { Hono, type Context } from 'hono';
import { answer, answerError, answerJson, translateError } from './answers.ts';
import { deleteBlob, getBlob } from './blob-handlers.ts';
import type { Call, Services } from './call.ts';
import { collect } from './collect.ts';
import { createKeyedLocks } from './digest-locks.ts';
import { registryErrors } from './errors.ts';
import { listReferrers, listRepositories, listTags } from './list-handlers.ts';
import { deleteManifest, getManifest, putManifest } from './manifest-handlers.ts';
import { parseRoute, type Route } from './routes.ts';
import type { Registry, RegistryOptions } from './types.ts';
import { createWriters } from './writers.ts';
import { beginUpload, cancelUpload, continueUpload, finishUpload, uploadStatus } from './upload-handlers.ts';

const HOUR_MS = 60 * 60 * 1000;
const MANIFEST_BYTES = 4 * 1024 * 1024;

type Handler = (call: Call) => Response | Promise<Response>;
type Handlers = Readonly<Record<string, Handler>>;

const reading = (handler: Handler): Handlers => ({ GET: handler, HEAD: handler });

type RouteOf<K extends Route['kind']> = Extract<Route, { readonly kind: K }>;

const handlersByKind: { readonly [K in Route['kind']]: (route: RouteOf<K>) => Handlers } = {
  base: () => reading((call) => answerJson(call.c, {})),
  catalog: () => reading(listRepositories),
  blob: (route) => ({
    ...reading((call) => getBlob(call, route)),
    DELETE: (call) => deleteBlob(call, route),
  }),
  uploads: (route) => ({ POST: (call) => beginUpload(call, route.repository) }),
  upload: (route) => ({
    GET: (call) => uploadStatus(call, route),
    PATCH: (call) => continueUpload(call, route),
    PUT: (call) => finishUpload(call, route),
    DELETE: (call) => cancelUpload(call, route),
  }),
  manifest: (route) => ({
    ...reading((call) => getManifest(call, route)),
    PUT: (call) => putManifest(call, route),
    DELETE: (call) => deleteManifest(call, route),
  }),
  tags: (route) => reading((call) => listTags(call, route.repository)),
  referrers: (route) => reading((call) => listReferrers(call, route.repository, route.digest)),
};

const handlersOf = (route: Route): Handlers => {
  const make = handlersByKind[route.kind] as (route: Route) => Handlers;
  return make(route);
};

const splitUrl = (c: Context): { readonly path: string; readonly query: URLSearchParams } => {
  const url = incoming(c).url ?? '/';
  const mark = url.indexOf('?');
  return mark === -1
    ? { path: url, query: new URLSearchParams() }
    : { path: url.slice(0, mark), query: new URLSearchParams(url.slice(mark + 1)) };
};

/**
 * Makes the registry: the whole of distribution-spec 1.1 under `/v2/`, Docker's schema 2 manifests included. Its app
 * answers through raw Node streams, so it must be served by `startHttpServer` of the http room. Whatever it answers with
 * 201 or 202 after a change is durable.
 */
export const createRegistry = (options: RegistryOptions): Registry => {
  const { storage, auth, limits = {} } = options;
  const emit = options.emit ?? (() => undefined);
  const manifestBytes = limits.manifestBytes ?? MANIFEST_BYTES;
  const locks = createKeyedLocks();
  const services: Services = { storage, locks, writers: createWriters(), emit, manifestBytes };
  const times = { graceMs: limits.graceMs ?? HOUR_MS, uploadMs: limits.uploadMs ?? 7 * 24 * HOUR_MS };

  const dispatch = async (c: Context): Promise<Response> => {
    const { path, query } = splitUrl(c);
    const { method = 'GET', headers } = incoming(c);
    try {
      const identity = await auth?.authenticate(headers.authorization);
      if (auth !== undefined && identity === undefined) throw registryErrors.unauthorized({});
      const handler = handlersOf(parseRoute(path))[method];
      if (handler === undefined) throw registryErrors.unsupported({ method, path });
      return await handler({ c, services, method, query, identity });
    } catch (error) {
      if (!incoming(c).complete && incoming(c).destroyed) {
        outgoing(c).destroy();
        return answered();
      }
      const { status } = translateError(error);
      if (status >= 500) emit({ kind: 'failed', method, path, error });
      const challenge = status === 401 && auth !== undefined ? { 'WWW-Authenticate': auth.challenge } : {};
      return answerError(c, error, challenge);
    }
  };

  const app = new Hono();
  app.all('/v2', dispatch);
  app.all('/v2/*', dispatch);
  app.get('/healthz', (c) =>
    answer(c, { status: 200, headers: { 'Content-Type': 'text/plain' }, body: 'ok\n' }),
  );
  return { app, collect: (o) => collect(services, times, o) };
};
