import { createAccountService, createOpenAccess } from '#access';
import { createAdministration, createTokenRoutes } from '#administration';
import { Hono } from 'hono';
import { createKeeping, createPullCounter } from '#keeping';
import { addClassicSearch } from './classic-search.ts';
import { createNotifications, type Notifications } from '#notifications';
import { createProtocol, limitBody, type ProtocolObserver } from '#protocol';
import { createUpstreams } from '#upstreams';
import type { Registry, RegistryOptions } from './types.ts';

const isProtocol = (url: string): boolean =>
  url === '/v2' || url.startsWith('/v2/') || url.startsWith('/v2?');

/** Tells webhooks of pulls, too. */
const tellPulls = (notifications: Notifications, observer: ProtocolObserver = {}): ProtocolObserver => ({
  ...observer,
  pulled: (pull) => {
    observer.pulled?.(pull);
    notifications.pulled(pull);
  },
  pulledBlob: (pull) => {
    observer.pulledBlob?.(pull);
    notifications.pulled(pull);
  },
});

/**
 * Makes a registry: the protocol under `/v2/` and everything around it. To be served by `startHttpServer` of the http
 * room.
 */
export const createRegistry = (options: RegistryOptions): Registry => {
  const { storage, access = createOpenAccess(), observer, limits = {} } = options;
  const notifications = createNotifications(storage.metadata, options.notifications);
  const pulls = createPullCounter(storage.metadata.pulls, tellPulls(notifications, observer));
  const upstreams =
    options.upstreams === undefined || options.upstreams.length === 0
      ? undefined
      : createUpstreams(storage, options.upstreams);
  const keeping = createKeeping(storage, options.keeping, {
    settle: () => pulls.flush(),
    covers: (repository) => upstreams?.covers(repository) === true,
  });
  const { protection } = keeping;
  const protocol = createProtocol({ storage, access, protection, upstreams, observer: pulls, limits });
  const app = new Hono();
  app.get('/healthz', (c) => c.text('ok\n'));
  app.route('/', createTokenRoutes(access, observer));
  addClassicSearch(app, { storage, access, observer });
  app.route(
    '/',
    createAdministration({
      storage,
      access,
      accounts: createAccountService(storage.metadata.accounts),
      keeping,
      notifications,
      upstreams,
      observer,
    }),
  );
  return {
    first: (request, response) => {
      if (!isProtocol(request.url ?? '')) {
        limitBody(request, response, limits.bodyIdleMs);
        return false;
      }
      void protocol(request, response);
      return true;
    },
    app,
    keeping,
    notifications,
    upstreams,
    collect: async ({ graceMs: uploadWindowMs, signal } = {}) => {
      await keeping.run({ cause: { actor: 'system:gc' }, uploadWindowMs, signal });
      const purged = await keeping.purge({ undoForMs: 0, signal });
      const swept = await keeping.sweep({ uploadWindowMs, signal });
      return {
        blobs: purged.blobs + swept.blobs,
        bytes: purged.bytes + swept.bytes,
        uploads: swept.uploads,
      };
    },
    [Symbol.asyncDispose]: async () => {
      await upstreams?.[Symbol.asyncDispose]();
      await notifications[Symbol.asyncDispose]();
      await pulls[Symbol.asyncDispose]();
      await keeping[Symbol.asyncDispose]();
    },
  };
};
