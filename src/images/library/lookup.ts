import {
  canonicalString,
  familiarString,
  formatPlatform,
  matchPlatform,
  parseImageIdOrReference,
  parsePlatform,
  parseReference,
  type ImageConfig,
  type ImageId,
  type ImageName,
} from '#oci';
import type { ImageRecord, ImageStore } from '#store';
import { createConfigCache } from './config-cache.ts';
import { libraryErrors } from './errors.ts';
import type { ImageView, ResolveOptions } from './types.ts';

export interface Lookup {
  config(id: ImageId): ImageConfig;
  view(record: ImageRecord): ImageView;
  /** The record that a name means, with how it was named. */
  find(name: string): { readonly record: ImageRecord; readonly named: ImageName };
  resolve(name: string, options?: ResolveOptions): ImageView;
}

/** The spelling that Docker shows of a canonical reference. */
export const shownReference = (canonical: string): string =>
  familiarString(parseReference(canonical, { defaultTag: false }));

/** The key under which references are stored: a digest wins over a tag. */
export const storedReference = (reference: Parameters<typeof canonicalString>[0]): string =>
  canonicalString(reference.digest === undefined ? reference : { ...reference, tag: undefined });

type Images = ImageStore['images'];

const byPrefix = (images: Images, prefix: string, name: string): ImageRecord | undefined => {
  const [id, ...others] = images.findByIdPrefix(prefix);
  if (others.length > 0) throw libraryErrors.ambiguousPrefix({ name });
  return id === undefined ? undefined : images.get(id);
};

const findRecord = (images: Images, named: ImageName, name: string): ImageRecord => {
  if (named.kind === 'id') {
    const record = images.get(named.id);
    if (record === undefined) throw libraryErrors.imageNotFound({ name: named.id });
    return record;
  }
  const { reference, idPrefix } = named;
  const record =
    images.byReference(storedReference(reference)) ??
    (idPrefix === undefined ? undefined : byPrefix(images, idPrefix, name));
  if (record === undefined) throw libraryErrors.imageNotFound({ name: familiarString(reference) });
  return record;
};

const assertPlatform = (view: ImageView, name: string, wanted: string): void => {
  const platform = parsePlatform(wanted);
  if (matchPlatform(view.record.platform, platform)) return;
  throw libraryErrors.wrongPlatform({
    name,
    wanted: formatPlatform(platform),
    found: formatPlatform(view.record.platform),
  });
};

export const createLookup = (store: Pick<ImageStore, 'images' | 'blobs'>): Lookup => {
  const configs = createConfigCache(store.blobs);
  const { images } = store;
  const view = (record: ImageRecord): ImageView => {
    const references = images.references(record.id);
    const shown = (kind: 'tag' | 'digest'): readonly string[] =>
      references.filter((item) => item.kind === kind).map((item) => shownReference(item.reference));
    return {
      id: record.id,
      config: configs.get(record.id),
      size: record.size,
      record,
      tags: shown('tag'),
      repoDigests: shown('digest'),
    };
  };
  const find: Lookup['find'] = (name) => {
    const named = parseImageIdOrReference(name);
    return { record: findRecord(images, named, name), named };
  };
  return {
    config: (id) => configs.get(id),
    view,
    find,
    resolve(name, options = {}) {
      const found = view(find(name).record);
      if (options.platform !== undefined) assertPlatform(found, name, options.platform);
      return found;
    },
  };
};
