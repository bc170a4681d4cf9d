import { requireName, requireTag, type RestorePoint } from '#metadata';
import * as z from 'zod';
import { administrationErrors } from './errors.ts';
import { bodyOf, numberOf, requireAdministrator, requireOf, wordOf } from './request.ts';
import type { AdminRoutes } from './types.ts';

const PAGE = 100;
const MAX_PAGE = 1000;

const restoreBody = z.strictObject({
  repository: z.string().transform(requireName),
  tag: z.string().transform(requireTag),
  /** Id of the entry whose state comes back. */
  entry: z.int().positive().optional(),
  /** Milliseconds since 1970. */
  at: z.int().nonnegative().optional(),
});

const pointOf = ({ entry, at }: z.output<typeof restoreBody>): RestorePoint => {
  if (entry !== undefined && at !== undefined)
    throw administrationErrors.bodyInvalid({ reason: 'entry and at exclude each other' });
  if (entry !== undefined) return { kind: 'entry', id: entry };
  return at === undefined ? { kind: 'previous' } : { kind: 'time', atMs: at };
};

/**
 * `GET /tag-history` (of a `repository` for who may push to it, of everything for administrators; oldest first with
 * `after`, else newest first), `GET /tag-history/verification`, `POST /tag-history/restorations`.
 */
export const tagHistoryRoutes: AdminRoutes = (app, { storage }) => {
  const { tagHistory } = storage.metadata;

  app.get('/tag-history', (c) => {
    const repository = c.req.query('repository');
    if (repository === undefined) requireAdministrator(c);
    else requireOf(c, { kind: 'repository', repository: requireName(repository), actions: ['pull', 'push'] });
    const order = wordOf(c, 'order', ['oldest', 'newest']);
    const moves = tagHistory.entries({
      repository,
      tag: c.req.query('tag'),
      after: numberOf(c, 'after', 0),
      before: numberOf(c, 'before', Number.MAX_SAFE_INTEGER),
      limit: Math.min(numberOf(c, 'limit', PAGE), MAX_PAGE),
      newestFirst: order === undefined ? c.req.query('after') === undefined : order === 'newest',
    });
    return c.json({ moves });
  });

  app.get('/tag-history/verification', async (c) => {
    requireAdministrator(c);
    return c.json(await tagHistory.verify({ head: c.req.query('head') }));
  });

  app.post('/tag-history/restorations', async (c) => {
    const body = await bodyOf(c, restoreBody);
    const { repository, tag } = body;
    requireOf(c, { kind: 'repository', repository, actions: ['pull', 'push'] });
    return c.json(await tagHistory.restore({ repository, tag, point: pointOf(body), cause: c.get('cause') }));
  });
};
