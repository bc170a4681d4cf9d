import { descriptorToJson, familiarName, hexOf, parseReference, MEDIA_TYPES } from '#oci';
import { TAR_END, encodeTarHeader, tarPadding, type TarHeader } from '#tar';
import { SINCE_FILE, type SinceImage } from './archive-images.ts';
import { layoutPath, type ArchiveFile } from './archive-plan.ts';
import type { ArchiveTop } from './archive-target.ts';
import { shownReference } from './lookup.ts';

/** What goes into the archive, with the names under which it does. */
export interface NamedTop extends ArchiveTop {
  /** Canonical. */
  readonly tags: readonly string[];
}

export interface Archive {
  readonly tops: readonly NamedTop[];
  readonly since: readonly SinceImage[];
  /** An OCI layout and nothing else: without Docker's documents. */
  readonly ociOnly?: boolean | undefined;
}

/** Content of the archive between its headers. */
export type ArchivePart = Uint8Array | ArchiveFile;

const json = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value)}\n`);

const file = (path: string, size: number): TarHeader => ({ path, kind: 'file', mode: 0o644, size });

/** manifest.json of a Docker archive. */
const dockerManifest = (tops: readonly NamedTop[]): unknown =>
  tops.flatMap(({ images, tags }) =>
    images.map(({ record, layers }) => ({
      Config: layoutPath(record.id),
      RepoTags: tags.length === 0 ? null : tags.map(shownReference),
      Layers: layers.map(layoutPath),
    })),
  );

/** The file `repositories` that readers from before manifest.json look for. */
const repositories = (tops: readonly NamedTop[]): unknown => {
  const found: Record<string, Record<string, string>> = {};
  for (const { tags, images } of tops) {
    for (const tag of tags.map((text) => parseReference(text))) {
      const name = familiarName(tag);
      const top = images[0]?.layers.at(-1);
      found[name] = { ...found[name], [tag.tag ?? 'latest']: top === undefined ? '' : hexOf(top) };
    }
  }
  return found;
};

const namedDescriptors = ({ descriptor, tags }: NamedTop): readonly object[] => {
  if (tags.length === 0) return [descriptorToJson(descriptor)];
  return tags.map((tag) =>
    descriptorToJson({
      ...descriptor,
      annotations: {
        ...descriptor.annotations,
        'io.containerd.image.name': tag,
        'org.opencontainers.image.ref.name': parseReference(tag).tag ?? 'latest',
      },
    }),
  );
};

const ociIndex = (tops: readonly NamedTop[]): unknown => ({
  schemaVersion: 2,
  mediaType: MEDIA_TYPES.ociIndex,
  manifests: [
    ...tops.flatMap(namedDescriptors),
    ...new Map(
      tops.flatMap(({ referrers }) => referrers.map((one) => [one.digest, descriptorToJson(one)])),
    ).values(),
  ],
});

const asUnique = (files: readonly ArchiveFile[]): readonly ArchiveFile[] => [
  ...new Map(files.map((one) => [one.digest, one])).values(),
];

function* blobs(files: readonly ArchiveFile[]): Generator<ArchivePart, void, undefined> {
  for (const one of files) {
    yield encodeTarHeader(file(layoutPath(one.digest), one.size));
    yield one;
    yield Buffer.alloc(tarPadding(one.size));
  }
}

const directory = (path: string): Buffer => encodeTarHeader({ path, kind: 'directory', mode: 0o755 });

const document = (path: string, value: unknown): SmallFile => ({ path, content: json(value) });

/** A file of the archive that describes what is in it. */
interface SmallFile {
  readonly path: string;
  readonly content: Buffer;
}

/** What describes the content of an archive. */
const documentsOf = ({ tops, since, ociOnly }: Archive): readonly SmallFile[] => {
  const forDocker = ociOnly !== true && tops.some((top) => top.images.length > 0);
  return [
    document('oci-layout', { imageLayoutVersion: '1.0.0' }),
    document('index.json', ociIndex(tops)),
    ...(forDocker
      ? [document('manifest.json', dockerManifest(tops)), document('repositories', repositories(tops))]
      : []),
    ...(since.length > 0 ? [document(SINCE_FILE, since)] : []),
  ];
};

/** The content of an archive: what describes first, then layers; each once. */
const contentOf = ({ tops }: Archive): readonly ArchiveFile[] =>
  asUnique([...tops.flatMap((top) => top.documents), ...tops.flatMap((top) => top.files)]);

/**
 * The parts of an archive that is a Docker archive and an OCI layout at once. What describes comes first, so that a
 * reader knows each layer when it comes. The same images give the same bytes.
 */
export function* archiveParts(archive: Archive): Generator<ArchivePart, void, undefined> {
  const content = contentOf(archive);
  for (const { path, content: bytes } of documentsOf(archive)) {
    yield encodeTarHeader(file(path, bytes.length));
    yield bytes;
    yield Buffer.alloc(tarPadding(bytes.length));
  }
  yield directory('blobs/');
  const algorithms = content.map(({ digest }) => digest.slice(0, digest.indexOf(':')));
  for (const algorithm of new Set(algorithms)) yield directory(`blobs/${algorithm}/`);
  yield* blobs(content);
  yield TAR_END;
}
