import { descriptorToJson, type HistoryEntry, type ImageId } from '#oci';
import type { ImageRecord } from '#store';
import type { Context } from './context.ts';
import { shownReference } from './lookup.ts';
import { manifestSummaries, targetsOfImage } from './manifest-summaries.ts';
import type { HistoryItem, ImageInspect, InspectOptions, ResolveOptions } from './types.ts';

/** What Docker answers when an image was never tagged here: Go's zero time. */
const NEVER = '0001-01-01T00:00:00Z';

const graphDriver = (context: Context): ImageInspect['GraphDriver'] => ({
  Name: context.layers.backend === 'erofs' ? 'lade-erofs' : 'lade-directories',
  Data: null,
});

/** What an image's names were resolved to, and the manifests of that on demand; of a platform its own manifest. */
const manifestFields = (
  context: Context,
  record: ImageRecord,
  options: InspectOptions,
): Pick<ImageInspect, 'Descriptor' | 'Manifests'> => {
  const references = options.platform === undefined ? context.store.images.references(record.id) : [];
  const [target] = targetsOfImage(context, record, references);
  return {
    ...(target === undefined ? {} : { Descriptor: descriptorToJson(target) }),
    ...(options.manifests === true ? { Manifests: manifestSummaries(context, record, references) } : {}),
  };
};

/** `docker image inspect`. */
export const inspectImage = (context: Context, name: string, options: InspectOptions = {}): ImageInspect => {
  const view = context.lookup.resolve(name, options);
  const { config, record } = view;
  return {
    Id: view.id,
    RepoTags: view.tags,
    RepoDigests: view.repoDigests,
    Parent: record.parent ?? '',
    Comment: config.comment ?? config.history.at(-1)?.comment ?? '',
    ...(config.created === undefined ? {} : { Created: config.created }),
    DockerVersion: config.dockerVersion ?? '',
    Author: config.author ?? '',
    Config: config.config,
    Architecture: config.architecture,
    ...(config.variant === undefined ? {} : { Variant: config.variant }),
    Os: config.os,
    ...(config.osVersion === undefined ? {} : { OsVersion: config.osVersion }),
    Size: view.size,
    GraphDriver: graphDriver(context),
    RootFS: { Type: 'layers', Layers: config.rootfs.diffIds },
    Metadata: {
      LastTagTime: record.taggedAt === undefined ? NEVER : new Date(record.taggedAt).toISOString(),
    },
    ...manifestFields(context, record, options),
  };
};

const withSizes = (history: readonly HistoryEntry[], record: ImageRecord) => {
  let layer = 0;
  return history.map((entry) => ({
    entry,
    size: entry.emptyLayer === true ? 0 : (record.layerSizes[layer++] ?? 0),
  }));
};

/** The image and those it was made from, newest first, for as long as they are here. */
const lineage = (context: Context, first: ImageRecord): readonly ImageRecord[] => {
  const found: ImageRecord[] = [];
  for (let next: ImageRecord | undefined = first; next !== undefined && !found.includes(next);) {
    found.push(next);
    next = next.parent === undefined ? undefined : context.store.images.get(next.parent);
  }
  return found;
};

/** The image that ends with the history entry at each position; the last wins where several do. */
const imagesByLength = (context: Context, record: ImageRecord): ReadonlyMap<number, ImageId> =>
  new Map(lineage(context, record).map(({ id }) => [context.lookup.config(id).history.length, id]));

const tagsOf = (context: Context, id: ImageId | undefined): readonly string[] =>
  id === undefined
    ? []
    : context.store.images
        .references(id)
        .filter((reference) => reference.kind === 'tag')
        .map((reference) => shownReference(reference.reference));

/** `docker history`: newest first; entries of images that are not here have the ID `<missing>`. */
export const imageHistory = (
  context: Context,
  name: string,
  options?: ResolveOptions,
): readonly HistoryItem[] => {
  const { record } = context.lookup.resolve(name, options);
  const { history } = context.lookup.config(record.id);
  const ids = imagesByLength(context, record);
  return withSizes(history, record)
    .map(({ entry, size }, index): HistoryItem => {
      const id = ids.get(index + 1);
      return {
        Id: id ?? '<missing>',
        Created: entry.created === undefined ? 0 : Math.floor(Date.parse(entry.created) / 1000),
        CreatedBy: entry.createdBy ?? '',
        Tags: tagsOf(context, id),
        Size: size,
        Comment: entry.comment ?? '',
      };
    })
    .toReversed();
};
