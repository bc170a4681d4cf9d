import { createOpenAccess } from '#access';
import { createAdministration } from '#administration';
import { Hono } from 'hono';
import { collect } from '#keeping';
import { createProtocol } from '#protocol';
import type { Registry, RegistryOptions } from './types.ts';

const HOUR_MS = 60 * 60 * 1000;

const isProtocol = (url: string): boolean =>
  url === '/v2' || url.startsWith('/v2/') || url.startsWith('/v2?');

/**
 * Makes a registry: the protocol under `/v2/` and everything around it. To be served by `startHttpServer` of the http
 * room.
 */
export const createRegistry = (options: RegistryOptions): Registry => {
  const { storage, access = createOpenAccess(), observer, limits = {} } = options;
  const protocol = createProtocol({ storage, access, observer, limits });
  const times = { graceMs: limits.graceMs ?? HOUR_MS, uploadMs: limits.uploadMs ?? 7 * 24 * HOUR_MS };
  const app = new Hono();
  app.get('/healthz', (c) => c.text('ok\n'));
  app.route('/', createAdministration({ storage, access }));
  return {
    first: (request, response) => {
      if (!isProtocol(request.url ?? '')) return false;
      void protocol(request, response);
      return true;
    },
    app,
    collect: ({ graceMs = times.graceMs, signal } = {}) => collect(storage, { ...times, graceMs, signal }),
  };
};
