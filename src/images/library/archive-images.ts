import * as z from 'zod/mini';
import { asImageId, parseImageConfig, sha256Of, type ImageConfig, type ImageId } from '#oci';
import type { ArchiveEntries } from './archive-entries.ts';
import { archivedTag } from './archive-names.ts';
import { layoutTops, type LayoutTop } from './archive-layout.ts';
import { legacyImages } from './archive-legacy.ts';
import { libraryErrors } from './errors.ts';

/** An image of which the archive says only its configuration and its layers. */
export interface ListedImage {
  readonly id: ImageId;
  /** The bytes that `parsed` was read from. */
  readonly config: Buffer;
  readonly parsed: ImageConfig;
  /** Paths, lowest first. */
  readonly layers: readonly string[];
  /** Canonical. */
  readonly tags: readonly string[];
}

export interface DescribedImages {
  readonly tops: readonly LayoutTop[];
  readonly listed: readonly ListedImage[];
  /** Images whose layers were left out, since the other side has them. */
  readonly since: readonly SinceImage[];
}

/** What `save --since` left out. */
export interface SinceImage {
  readonly name: string;
  readonly id: string;
  readonly diffIds: readonly string[];
}

/** Where an archive says what it leaves out. */
export const SINCE_FILE = 'since.json';

const dockerManifest = z.array(
  z.object({
    Config: z.string(),
    RepoTags: z.nullish(z.array(z.string())),
    Layers: z.nullish(z.array(z.string())),
  }),
);

const sinceFile = z.array(z.object({ name: z.string(), id: z.string(), diffIds: z.array(z.string()) }));

const parseDocument = <T>(schema: { parse(value: unknown): T }, bytes: Buffer, path: string): T => {
  try {
    return schema.parse(JSON.parse(bytes.toString()));
  } catch (error) {
    throw libraryErrors.archiveUnreadable({ reason: `its ${path} has another form` }, error);
  }
};

const documentAt = (entries: ArchiveEntries, path: string): Buffer | undefined => {
  const entry = entries.get(path);
  return entry?.kind === 'document' ? entry.bytes : undefined;
};

const configAt = (entries: ArchiveEntries, path: string): Buffer => {
  const bytes = documentAt(entries, path);
  if (bytes === undefined) throw libraryErrors.archiveIncomplete({ path });
  return bytes;
};

const listedImages = (entries: ArchiveEntries, bytes: Buffer): readonly ListedImage[] =>
  parseDocument(dockerManifest, bytes, 'manifest.json').map((item) => {
    const config = configAt(entries, item.Config);
    return {
      id: asImageId(sha256Of(config)),
      config,
      parsed: parseImageConfig(config),
      layers: item.Layers ?? [],
      tags: (item.RepoTags ?? []).map(archivedTag),
    };
  });

/** Gives the names of manifest.json to the images of the layout, where both tell of the same. */
const merged = (tops: readonly LayoutTop[], listed: readonly ListedImage[]) => {
  const isIn = ({ nodes }: LayoutTop, { id }: ListedImage): boolean =>
    nodes.some(({ image }) => image?.manifest.config.digest === id);
  const known = new Set(tops.flatMap(({ tags }) => tags));
  return {
    tops: tops.map((top) => {
      const named = listed.filter((item) => isIn(top, item) && top === tops.find((one) => isIn(one, item)));
      // An index and one of its images may be there under names of their own.
      const more = named.flatMap((item) => item.tags).filter((tag) => !known.has(tag));
      return { ...top, tags: [...new Set([...top.tags, ...more])] };
    }),
    listed: listed.filter((item) => !tops.some((top) => isIn(top, item))),
  };
};

/**
 * The images of an archive: by its index.json (OCI layout), its manifest.json (Docker), or the `repositories` of Docker
 * before 1.10. `invalid-argument` when it has none of them.
 */
export const describedImages = (entries: ArchiveEntries): DescribedImages => {
  const index = documentAt(entries, 'index.json');
  const manifest = documentAt(entries, 'manifest.json');
  const left = documentAt(entries, SINCE_FILE);
  const tops = index === undefined ? [] : layoutTops(entries, index);
  const listed = manifest === undefined ? [] : listedImages(entries, manifest);
  const old = tops.length + listed.length > 0 ? [] : legacyImages(entries);
  if (tops.length + listed.length + old.length === 0) {
    throw libraryErrors.archiveUnreadable({
      reason: 'it has neither a manifest.json nor an index.json with images',
    });
  }
  const since = left === undefined ? [] : parseDocument(sinceFile, left, SINCE_FILE);
  return { ...merged(tops, [...listed, ...old]), since };
};
