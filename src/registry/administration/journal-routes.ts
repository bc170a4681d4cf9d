import { numberOf, requireAdministrator, wordOf } from './request.ts';
import type { AdminRoutes } from './types.ts';

const PAGE = 100;
const MAX_PAGE = 1000;

/** `GET /audit`: the journal, newest first unless `after` is given. */
export const journalRoutes: AdminRoutes = (app, { storage }) => {
  app.get('/audit', (c) => {
    requireAdministrator(c);
    const after = numberOf(c, 'after', 0);
    const entries = storage.metadata.journal.entries({
      after,
      limit: Math.min(numberOf(c, 'limit', PAGE), MAX_PAGE),
      repository: c.req.query('repository'),
      outcome: wordOf(c, 'outcome', ['done', 'refused']),
      newestFirst: c.req.query('after') === undefined,
    });
    return c.json({ entries });
  });
};
