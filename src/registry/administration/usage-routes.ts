import type { Accounting } from '#metadata';
import { administrationErrors } from './errors.ts';
import { numberOf, requireAdministrator, requireOf } from './request.ts';
import type { AdminRoutes } from './types.ts';

const PAGE = 100;
/** A tag takes a tenth of a millisecond. */
const MAX_PAGE = 200;

interface Page {
  readonly limit: number;
  readonly after: string;
}

/** What is called so: a repository, or else a namespace; with a slash at the end only a namespace. */
const usageOf = (accounting: Accounting, name: string, page: Page) => {
  const repository = name.endsWith('/') ? undefined : accounting.repository(name);
  if (repository !== undefined)
    return { repository, tags: accounting.tags({ repository: repository.repository, ...page }) };
  const namespace = accounting.namespace(name.replace(/\/$/, ''));
  if (namespace === undefined) throw administrationErrors.usageUnknown({ name });
  return {
    namespace,
    repositories: accounting.repositories({ namespace: namespace.namespace, ...page }),
  };
};

/**
 * `GET /usage`: the registry and its namespaces; with `name`, a namespace and its repositories, or a repository and its
 * tags. `GET /usage/verification` counts everything anew, `POST /usage/repair` sets the figures to that. `GET /quotas`: how full every quota is, or those of a
 * `repository`.
 */
export const usageRoutes: AdminRoutes = (app, { storage }) => {
  const { accounting, policies, journal } = storage.metadata;

  app.get('/usage', (c) => {
    const name = c.req.query('name');
    const page = {
      limit: Math.min(numberOf(c, 'limit', PAGE), MAX_PAGE),
      after: c.req.query('after') ?? '',
    };
    const isRepository = name !== undefined && !name.endsWith('/') && accounting.repository(name);
    if (name === undefined || isRepository === undefined || isRepository === false) requireAdministrator(c);
    else requireOf(c, { kind: 'repository', repository: name, actions: ['pull'] });
    if (name !== undefined) return c.json(usageOf(accounting, name, page));
    return c.json({ registry: accounting.registry(), namespaces: accounting.namespaces(page) });
  });

  app.get('/usage/verification', async (c) => {
    requireAdministrator(c);
    return c.json(await accounting.recount());
  });

  app.post('/usage/repair', async (c) => {
    requireAdministrator(c);
    await accounting.repair();
    const reason = 'set the figures of usage and quotas to what a recount says';
    await journal.append([{ action: 'administer', outcome: 'done', reason, cause: c.get('cause') }]);
    return c.json({});
  });

  app.get('/quotas', (c) => {
    const repository = c.req.query('repository');
    if (repository === undefined) requireAdministrator(c);
    else requireOf(c, { kind: 'repository', repository, actions: ['pull', 'push'] });
    return c.json({
      quotas: repository === undefined ? policies.quotas() : policies.quotasOf(repository),
    });
  });
};
