import { Hono, type Context } from 'hono';
import { checkFilters, parseFilters, parseFlag, type ImageDeleteAnswer } from '#api';
import type { Removal } from '#library';
import { daemonErrors } from '../errors.ts';
import { referenceWith } from '../image-names.ts';
import { imageInspectView, imageSummaryView } from '../image-view.ts';
import { platformsOf } from '../platform-query.ts';
import { filtersOf, flag, param, speaks, textOf } from '../request.ts';
import type { DaemonParts } from '../types.ts';

const name = (c: Context): string => param(c, 'name');

const list = (c: Context, { library }: DaemonParts): Response => {
  const named = textOf(c, 'filter');
  const images = library.list({
    all: flag(c, 'all'),
    filters: { ...filtersOf(c), ...(named === undefined ? {} : { reference: [named] }) },
    shared: flag(c, 'shared-size'),
    manifests: flag(c, 'manifests'),
  });
  return c.json(images.map((image) => imageSummaryView(image, (version) => speaks(c, version))));
};

const inspect = (c: Context, { library }: DaemonParts): Response => {
  const [platform] = platformsOf(c) ?? [];
  const manifests = flag(c, 'manifests');
  if (manifests && platform !== undefined) throw daemonErrors.manifestsOfPlatform({});
  const image = library.inspect(name(c), { platform, manifests });
  return c.json(imageInspectView(image, (version) => speaks(c, version)));
};

const removalAnswer = (removal: Removal): ImageDeleteAnswer =>
  'untagged' in removal ? { Untagged: removal.untagged } : { Deleted: removal.deleted };

const remove = async (c: Context, { library }: DaemonParts): Promise<Response> => {
  const removed = await library.remove(name(c), {
    force: flag(c, 'force'),
    prune: !flag(c, 'noprune'),
    purge: flag(c, 'purge'),
    platforms: platformsOf(c, 'platforms'),
  });
  return c.json(removed.map(removalAnswer));
};

const tag = async (c: Context, { library }: DaemonParts): Promise<Response> => {
  await library.tag(name(c), referenceWith(textOf(c, 'repo') ?? '', textOf(c, 'tag')));
  return c.body(null, 201);
};

const prune = async (c: Context, { library }: DaemonParts): Promise<Response> => {
  const { dangling, ...filters } = checkFilters(parseFilters(textOf(c, 'filters')), [
    'dangling',
    'until',
    'label',
    'label!',
  ]);
  const all = dangling !== undefined && !parseFlag(dangling[0]);
  const { removed, reclaimed, held } = await library.prune({ all, filters });
  // What is held for undo goes as soon as its space is needed: for clients of Docker's it is free.
  return c.json({
    ImagesDeleted: removed.length === 0 ? null : removed.map(removalAnswer),
    SpaceReclaimed: reclaimed + held,
  });
};

/** Calls on images that answer with one value. */
export const imageRoutes = (parts: DaemonParts): Hono => {
  const app = new Hono();
  app.get('/images/json', (c) => list(c, parts));
  app.get('/images/search', (c) => {
    throw daemonErrors.notServed({ method: 'GET', path: c.req.path });
  });
  app.post('/images/prune', (c) => prune(c, parts));
  app.get('/images/:name{.+}/json', (c) => inspect(c, parts));
  app.get('/images/:name{.+}/history', (c) =>
    c.json(parts.library.history(name(c), { platform: platformsOf(c)?.[0] })),
  );
  app.post('/images/:name{.+}/tag', (c) => tag(c, parts));
  app.delete('/images/:name{.+}', (c) => remove(c, parts));
  return app;
};
