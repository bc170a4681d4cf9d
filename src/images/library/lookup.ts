import {
  canonicalString,
  familiarString,
  formatPlatform,
  parseImageIdOrReference,
  parsePlatform,
  parseReference,
  repositoryName,
  selectPlatform,
  type ImageConfig,
  type ImageId,
  type ImageName,
  type Reference,
} from '#oci';
import type { ImageRecord, ImageReference, ImageStore } from '#store';
import { createConfigCache } from './config-cache.ts';
import { libraryErrors } from './errors.ts';
import type { ImageView, ResolveOptions } from './types.ts';

export interface Found {
  readonly record: ImageRecord;
  readonly named: ImageName;
  readonly reference: ImageReference | undefined;
}

export interface Lookup {
  config(id: ImageId): ImageConfig;
  view(record: ImageRecord): ImageView;
  /** The record that a name means, with how it was named, and the reference where it is one. */
  find(name: string): Found;
  resolve(name: string, options?: ResolveOptions): ImageView;
}

/** The spelling that Docker shows of a canonical reference. */
export const shownReference = (canonical: string): string =>
  familiarString(parseReference(canonical, { defaultTag: false }));

const shownNames = new WeakMap<ImageReference, string>();

/** The same of a reference, remembered with it. */
export const shownName = (reference: ImageReference): string => {
  const known = shownNames.get(reference);
  if (known !== undefined) return known;
  const shown = shownReference(reference.reference);
  shownNames.set(reference, shown);
  return shown;
};

/** The key under which references are stored: a digest wins over a tag. */
export const storedReference = (reference: Parameters<typeof canonicalString>[0]): string =>
  canonicalString(reference.digest === undefined ? reference : { ...reference, tag: undefined });

type Images = ImageStore['images'];

const byPrefix = (images: Images, prefix: string, name: string): ImageRecord | undefined => {
  const [id, ...others] = images.findByIdPrefix(prefix);
  if (others.length > 0) throw libraryErrors.ambiguousPrefix({ name });
  return id === undefined ? undefined : images.get(id);
};

/** The image whose manifest has this digest, in an index that some name of the same repository means. */
const memberNamed = (images: Images, named: Reference): ImageRecord | undefined => {
  const { digest } = named;
  if (digest === undefined) return undefined;
  const repository = repositoryName(named);
  const targets = images
    .references()
    .filter(
      ({ reference }) => /^[:@]/.test(reference.slice(repository.length)) && reference.startsWith(repository),
    )
    .flatMap(({ target }) => (target === undefined ? [] : [target.digest]));
  const [id] = [...new Set(targets)].flatMap((target) =>
    (images.target(target)?.members ?? [])
      .filter((member) => member.manifest.digest === digest)
      .map((member) => member.image),
  );
  return id === undefined ? undefined : images.get(id);
};

const findRecord = (images: Images, named: ImageName, name: string): Omit<Found, 'named'> => {
  if (named.kind === 'id') {
    // What is said of an index that was built here is its digest: it has no other name of its own.
    const own = images.get(named.id);
    const reference = own === undefined ? images.referencesTo(named.id)[0] : undefined;
    const record = own ?? (reference === undefined ? undefined : images.get(reference.image));
    if (record === undefined) throw libraryErrors.imageNotFound({ name: named.id });
    return { record, reference };
  }
  const { idPrefix } = named;
  const reference = images.reference(storedReference(named.reference));
  const record =
    reference === undefined
      ? idPrefix === undefined
        ? memberNamed(images, named.reference)
        : byPrefix(images, idPrefix, name)
      : images.get(reference.image);
  if (record === undefined) throw libraryErrors.imageNotFound({ name: familiarString(named.reference) });
  return { record, reference };
};

/** The images that a name stands for: of an index, all that are stored. */
const imagesMeant = (images: Images, { record, reference }: Found): readonly ImageRecord[] => {
  const target = reference?.target === undefined ? undefined : images.target(reference.target.digest);
  const others = (target?.members ?? [])
    .map(({ image }) => (image === undefined || image === record.id ? undefined : images.get(image)))
    .filter((other) => other !== undefined);
  return [record, ...others];
};

const forPlatform = (images: Images, found: Found, { name, wanted }: Wanted): ImageRecord => {
  const platform = parsePlatform(wanted);
  const offered = imagesMeant(images, found);
  const chosen = selectPlatform(offered, platform);
  if (chosen !== undefined) return chosen;
  throw libraryErrors.wrongPlatform({
    name,
    wanted: formatPlatform(platform),
    found: offered.map((record) => formatPlatform(record.platform)).join(', '),
  });
};

interface Wanted {
  readonly name: string;
  readonly wanted: string;
}

export const createLookup = (store: Pick<ImageStore, 'images' | 'blobs'>): Lookup => {
  const configs = createConfigCache(store);
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
    return { ...findRecord(images, named, name), named };
  };
  return {
    config: (id) => configs.get(id),
    view,
    find,
    resolve(name, options = {}) {
      const found = find(name);
      const wanted = options.platform;
      return view(wanted === undefined ? found.record : forPlatform(images, found, { name, wanted }));
    },
  };
};
