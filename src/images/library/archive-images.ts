import * as z from 'zod/mini';
import {
  canonicalString,
  hostPlatform,
  isImageConfigType,
  parseManifest,
  parseReference,
  selectPlatform,
  sha256Of,
  type Descriptor,
  type ImageManifest,
} from '#oci';
import type { ArchiveEntries } from './archive-entries.ts';
import { layoutPath } from './archive-plan.ts';
import { libraryErrors } from './errors.ts';

/** An image that an archive describes. */
export interface DescribedImage {
  readonly config: Buffer;
  /** Paths, lowest first. */
  readonly layers: readonly string[];
  /** Canonical. */
  readonly tags: readonly string[];
  readonly manifest?: ImageManifest | undefined;
}

const dockerManifest = z.array(
  z.object({
    Config: z.string(),
    RepoTags: z.nullish(z.array(z.string())),
    Layers: z.nullish(z.array(z.string())),
  }),
);

const document = (entries: ArchiveEntries, path: string): Buffer => {
  const entry = entries.get(path);
  if (entry?.kind !== 'document') throw libraryErrors.archiveIncomplete({ path });
  return entry.bytes;
};

const parseDockerManifest = (bytes: Buffer): z.infer<typeof dockerManifest> => {
  try {
    return dockerManifest.parse(JSON.parse(bytes.toString()));
  } catch (error) {
    throw libraryErrors.archiveUnreadable({ reason: 'its manifest.json has another form' }, error);
  }
};

/** A document of the layout, checked against its descriptor. */
const described = (entries: ArchiveEntries, descriptor: Descriptor): Buffer => {
  const path = layoutPath(descriptor.digest);
  const bytes = document(entries, path);
  if (bytes.length !== descriptor.size || sha256Of(bytes) !== descriptor.digest) {
    throw libraryErrors.archiveIncomplete({ path });
  }
  return bytes;
};

const present = (entries: ArchiveEntries, descriptor: Descriptor): boolean =>
  entries.get(layoutPath(descriptor.digest)) !== undefined;

interface Found {
  readonly manifest: ImageManifest;
  readonly descriptor: Descriptor;
}

/** The image manifest that a descriptor leads to: of several platforms, the one for this machine. */
const follow = (entries: ArchiveEntries, descriptor: Descriptor): Found | undefined => {
  const manifest = parseManifest(described(entries, descriptor), descriptor.mediaType);
  if (manifest.kind === 'image') {
    return isImageConfigType(manifest.config.mediaType) ? { manifest, descriptor } : undefined;
  }
  const here = manifest.manifests.filter((item) => present(entries, item));
  const chosen = selectPlatform(here, hostPlatform()) ?? here[0];
  return chosen === undefined
    ? undefined
    : follow(entries, { ...chosen, annotations: descriptor.annotations });
};

const layoutImages = (entries: ArchiveEntries): readonly Found[] => {
  const entry = entries.get('index.json');
  if (entry?.kind !== 'document') return [];
  const index = parseManifest(entry.bytes);
  if (index.kind !== 'index') throw libraryErrors.archiveUnreadable({ reason: 'its index.json is no index' });
  return index.manifests
    .filter((descriptor) => present(entries, descriptor))
    .map((descriptor) => follow(entries, descriptor))
    .filter((found) => found !== undefined);
};

/** The full name among the annotations of an index; a bare tag names nothing. */
const nameOf = (descriptor: Descriptor): readonly string[] => {
  const { annotations = {} } = descriptor;
  const name =
    annotations['io.containerd.image.name'] ?? annotations['org.opencontainers.image.ref.name'] ?? '';
  if (!/[/:]/.test(name)) return [];
  try {
    return [canonicalString(parseReference(name))];
  } catch {
    return [];
  }
};

const fromLayout = (entries: ArchiveEntries, found: readonly Found[]): readonly DescribedImage[] => {
  const byManifest = Map.groupBy(found, ({ manifest }) => sha256Of(manifest.raw));
  return [...byManifest.values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined) return [];
    return [
      {
        config: described(entries, first.manifest.config),
        layers: first.manifest.layers.map((layer) => layoutPath(layer.digest)),
        tags: same.flatMap(({ descriptor }) => nameOf(descriptor)),
        manifest: first.manifest,
      },
    ];
  });
};

/**
 * The images of an archive: by its manifest.json (Docker), else by its index.json (OCI layout). `invalid-argument` when
 * it has neither.
 */
export const describedImages = (entries: ArchiveEntries): readonly DescribedImage[] => {
  const found = layoutImages(entries);
  const listed = entries.get('manifest.json');
  if (listed?.kind !== 'document') {
    if (found.length > 0) return fromLayout(entries, found);
    throw libraryErrors.archiveUnreadable({
      reason: 'it has neither a manifest.json nor an index.json with images',
    });
  }
  return parseDockerManifest(listed.bytes).map((item) => {
    const config = document(entries, item.Config);
    const id = sha256Of(config);
    return {
      config,
      layers: item.Layers ?? [],
      tags: (item.RepoTags ?? []).map((tag) => canonicalString(parseReference(tag))),
      manifest: found.find(({ manifest }) => manifest.config.digest === id)?.manifest,
    };
  });
};
