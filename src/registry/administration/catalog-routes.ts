import { setImmediate as breathe } from 'node:timers/promises';
import type { Context } from 'hono';
import { isVisible } from '#access';
import type { Page } from '#metadata';
import { parseTarget, requireDigest, requireName, type FoundImage } from '#metadata';
import type { Digest } from '#oci';
import * as z from 'zod';
import { administrationErrors } from './errors.ts';
import { bodyOf, numberOf, requireOf } from './request.ts';
import type { AdminEnv, AdminRoutes, AdminServices } from './types.ts';

type AdminContext = Context<AdminEnv>;

const PAGE = 100;
const MAX_PAGE = 1000;

const pageOf = (c: AdminContext): Page => ({
  limit: Math.min(numberOf(c, 'n', PAGE), MAX_PAGE),
  after: c.req.query('last') ?? '',
});

interface List<T> {
  readonly read: (page: Page) => readonly T[];
  readonly repositoryOf: (entry: T) => string;
  /** The `last` that goes on behind the entry. */
  readonly keyOf: (entry: T) => string;
}

/** A page of what the caller may see: `next` names nothing else either. Others get their turn between what is read. */
const visiblePage = async <T>(c: AdminContext, { read, repositoryOf: nameOf, keyOf }: List<T>) => {
  const { limit, after } = pageOf(c);
  const seen: T[] = [];
  const batch = Math.max(limit, PAGE);
  for (let last = after; ;) {
    const found = read({ limit: batch, after: last });
    seen.push(...found.filter((entry) => isVisible(c.get('caller'), nameOf(entry))));
    const [end, edge] = [found.at(-1), seen[limit - 1]];
    const entries = seen.slice(0, limit);
    if (edge !== undefined || limit === 0)
      return { entries, next: edge === undefined ? undefined : keyOf(edge) };
    if (end === undefined || found.length < batch) return { entries, next: undefined };
    last = keyOf(end);
    await breathe();
  }
};

/** The repository of the path, which the caller may pull from. */
const repositoryOf = (c: AdminContext): string => {
  const repository = requireName(c.req.param('repository') ?? '');
  requireOf(c, { kind: 'repository', repository, actions: ['pull'] });
  return repository;
};

const link = z.strictObject({ title: z.string().max(200), url: z.url({ protocol: /^https?$/ }).max(2000) });
const documentation = z.strictObject({
  description: z.string().max(500).optional(),
  readme: z.string().max(500_000).optional(),
  links: z.array(link).max(50).optional(),
  logo: z.union([z.literal(''), z.url({ protocol: /^https?$/ }).max(2000)]).optional(),
});

/** The links that an image names by annotation. */
const LINKS = { url: 'Website', documentation: 'Documentation', source: 'Source' } as const;
const TEXTS = 'org.opencontainers.image.';

const documentationOf = ({ storage }: AdminServices, repository: string) => {
  const { catalog } = storage.metadata;
  const written = catalog.documentation(repository);
  const texts = catalog.imageTexts(repository);
  const links = Object.entries(LINKS).flatMap(([name, title]) => {
    const url = texts[`${TEXTS}${name}`];
    return url === undefined || !/^https?:\/\//.test(url) ? [] : [{ title, url }];
  });
  return {
    description: written.description ?? texts[`${TEXTS}description`],
    readme: written.readme,
    links: written.links ?? links,
    logo: written.logo,
    annotations: texts,
  };
};

const target = (services: AdminServices, repository: string, reference: string): Digest => {
  const place = parseTarget(reference);
  const { contents } = services.storage.metadata;
  const digest = place.kind === 'digest' ? place.digest : contents.tagged(repository, place.tag);
  if (digest === undefined) throw administrationErrors.manifestUnknown({ repository, reference });
  return digest;
};

const listRoutes: AdminRoutes = (app, { storage }) => {
  const { catalog } = storage.metadata;
  app.get('/repositories', async (c) => {
    const found = await visiblePage(c, {
      read: (page) => catalog.repositories(page, c.req.query('q')),
      repositoryOf: ({ name }) => name,
      keyOf: ({ name }) => name,
    });
    return c.json({ repositories: found.entries, next: found.next });
  });
  app.get('/repositories/:repository/tags', (c) => {
    const page = pageOf(c);
    const tags = catalog.tagSummaries(repositoryOf(c), page);
    return c.json({ tags, next: tags.length < page.limit ? undefined : tags.at(-1)?.name });
  });
  app.get('/repositories/:repository/manifests', (c) => {
    const page = pageOf(c);
    const manifests = catalog.manifestSummaries(repositoryOf(c), page);
    const end = (Number(page.after) || 0) + manifests.length;
    return c.json({ manifests, next: manifests.length < page.limit ? undefined : String(end) });
  });
};

const manifestRoute: AdminRoutes = (app, services) => {
  const { catalog, contents } = services.storage.metadata;
  app.get('/repositories/:repository/manifests/:reference', (c) => {
    const repository = repositoryOf(c);
    const digest = target(services, repository, c.req.param('reference'));
    const summary = catalog.manifestSummary(repository, digest);
    const manifest = contents.manifest(repository, digest);
    if (summary === undefined || manifest === undefined)
      throw administrationErrors.manifestUnknown({ repository, reference: digest });
    const referrers = contents.referrers(repository, digest, { limit: MAX_PAGE, after: '' });
    const document: unknown = JSON.parse(manifest.bytes.toString('utf8'));
    return c.json({ ...summary, facts: catalog.facts(digest), referrers, document });
  });
};

const documentationRoutes: AdminRoutes = (app, services) => {
  const { catalog } = services.storage.metadata;
  app.put('/repositories/:repository/documentation', async (c) => {
    const repository = requireName(c.req.param('repository'));
    requireOf(c, { kind: 'repository', repository, actions: ['pull', 'push'] });
    const change = await bodyOf(c, documentation);
    await catalog.document({ repository, change, cause: c.get('cause') });
    return c.json(documentationOf(services, repository));
  });
  for (const method of ['PUT', 'DELETE'] as const)
    app.on(method, '/repositories/:repository/star', async (c) => {
      const repository = repositoryOf(c);
      requireOf(c, { kind: 'login' });
      await catalog.star({ repository, name: c.get('caller').name, on: method === 'PUT' });
      return c.json({ stars: catalog.repository(repository)?.stars ?? 0 });
    });
  app.get('/repositories/:repository', (c) => {
    const repository = repositoryOf(c);
    const summary = catalog.repository(repository);
    if (summary === undefined) throw administrationErrors.repositoryUnknown({ repository });
    const starred = catalog.isStarred(repository, c.get('caller').name);
    return c.json({ ...summary, ...documentationOf(services, repository), starred });
  });
};

/** What the query asks for: exactly one of digest, layer, base and label. */
const findImages = (c: AdminContext, services: AdminServices, page: Page): readonly FoundImage[] => {
  const { catalog } = services.storage.metadata;
  const { digest, layer, base, label } = c.req.query();
  if (digest !== undefined) return catalog.imagesWithDigest(requireDigest(digest), page);
  if (layer !== undefined) return catalog.imagesWithLayer(requireDigest(layer), page);
  if (label !== undefined) {
    const [name = '', ...value] = label.split('=');
    return catalog.imagesWithLabel(name, value.length === 0 ? undefined : value.join('='), page);
  }
  if (base === undefined)
    throw administrationErrors.parameterInvalid({
      name: 'the search',
      value: '',
      reason: 'give one of q, digest, layer, base and label',
    });
  const match = /^(.+?)(?:@(.+)|:([^/:]+))$/.exec(base);
  const repository = requireName(match?.[1] ?? base);
  requireOf(c, { kind: 'repository', repository, actions: ['pull'] });
  return catalog.imagesOnBase(target(services, repository, match?.[2] ?? match?.[3] ?? 'latest'), page);
};

const searchRoute: AdminRoutes = (app, services) => {
  app.get('/search', async (c) => {
    const found = await visiblePage(c, {
      read: (page) => findImages(c, services, page),
      repositoryOf: ({ repository }) => repository,
      keyOf: ({ repository, digest }) => `${repository}@${digest}`,
    });
    return c.json({ images: found.entries, next: found.next });
  });
};

/**
 * Listings, search and documentation: `/repositories`, `/repositories/NAME`, `…/tags`, `…/manifests[/REFERENCE]`,
 * `…/documentation`, `…/star`, `/search`; slashes of a NAME are written `%2F`. Pages by `n` and `last`; `next` is the `last` of the next page.
 */
export const catalogRoutes: AdminRoutes = (app, services) => {
  for (const routes of [listRoutes, manifestRoute, searchRoute, documentationRoutes]) routes(app, services);
};
