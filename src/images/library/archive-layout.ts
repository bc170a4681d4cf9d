import {
  attestedDigest,
  isAttestation,
  isContainerImage,
  matchesDigest,
  parseImageConfig,
  parseManifest,
  type Descriptor,
  type Digest,
  type ImageManifest,
} from '#oci';
import type { ArchiveEntries } from './archive-entries.ts';
import { archivedTag } from './archive-names.ts';
import { layoutPath } from './archive-plan.ts';
import { libraryErrors } from './errors.ts';
import { MAX_DEPTH, type RemoteImage } from './fetch-image.ts';
import type { RemoteTree, TreeNode } from './fetch-tree.ts';

/** What one entry of index.json leads to, as far as the archive holds it. */
export interface LayoutTop extends RemoteTree {
  /** Canonical. */
  readonly tags: readonly string[];
}

/** A document of the layout, checked against its descriptor; undefined when the archive does not hold it. */
export const documentOf = (entries: ArchiveEntries, descriptor: Descriptor): Buffer | undefined => {
  if (descriptor.data !== undefined) return Buffer.from(descriptor.data);
  const path = layoutPath(descriptor.digest);
  const entry = entries.get(path);
  if (entry?.kind !== 'document') return undefined;
  if (entry.bytes.length !== descriptor.size || !matchesDigest(entry.bytes, descriptor.digest)) {
    throw libraryErrors.archiveIncomplete({ path });
  }
  return entry.bytes;
};

/** The image of a manifest; undefined when it is one of something else, or its configuration is not in the archive. */
const imageOf = (
  entries: ArchiveEntries,
  descriptor: Descriptor,
  manifest: ImageManifest,
): RemoteImage | undefined => {
  if (!isContainerImage(manifest)) return undefined;
  const bytes = documentOf(entries, manifest.config);
  if (bytes === undefined) return undefined;
  const config = parseImageConfig(bytes);
  const [layers, diffIds] = [manifest.layers.length, config.rootfs.diffIds.length];
  if (layers !== diffIds) throw libraryErrors.layerCountMismatch({ layers, diffIds });
  return { kind: 'image', descriptor, manifest, config };
};

const nodeOf = (entries: ArchiveEntries, entry: Descriptor): TreeNode | undefined => {
  const bytes = documentOf(entries, entry);
  if (bytes === undefined) return undefined;
  const manifest = parseManifest(bytes, entry.mediaType);
  const { digest, size } = entry;
  const descriptor = { mediaType: manifest.mediaType, digest, size };
  const subject = attestedDigest(entry) ?? manifest.subject?.digest;
  const node = { descriptor, manifest, subject, entry };
  if (manifest.kind === 'index') return { ...node, kind: 'index' };
  if (isAttestation(entry)) return { ...node, kind: 'attestation' };
  const image = imageOf(entries, descriptor, manifest);
  return { ...node, kind: isContainerImage(manifest) ? 'image' : 'artifact', image };
};

/** Where a walk is: how deep, and what it came by. */
interface Walk {
  readonly depth: number;
  readonly seen: Set<Digest>;
}

/** A manifest and all below it, as far as they are present; each once, however often it is named. */
const walk = (entries: ArchiveEntries, entry: Descriptor, { depth, seen }: Walk): readonly TreeNode[] => {
  if (depth > MAX_DEPTH || seen.has(entry.digest)) return [];
  seen.add(entry.digest);
  const node = nodeOf(entries, entry);
  if (node === undefined) return [];
  const { manifest } = node;
  if (manifest.kind === 'image') return [node];
  return [node, ...manifest.manifests.flatMap((item) => walk(entries, item, { depth: depth + 1, seen }))];
};

/** The full name among the annotations of an index; a bare tag or a digest names nothing. */
const namesOf = ({ annotations = {} }: Descriptor): readonly string[] => {
  const name =
    annotations['io.containerd.image.name'] ?? annotations['org.opencontainers.image.ref.name'] ?? '';
  if (!/[/:]/.test(name)) return [];
  try {
    return [archivedTag(name)];
  } catch {
    return [];
  }
};

const unique = (nodes: readonly TreeNode[]): readonly TreeNode[] => [
  ...new Map(nodes.map((node) => [node.descriptor.digest, node])).values(),
];

interface Named {
  readonly nodes: readonly [TreeNode, ...(readonly TreeNode[])];
  readonly tags: readonly string[];
}

const named = (entries: ArchiveEntries, same: readonly Descriptor[]): readonly Named[] => {
  const [entry] = same;
  const [self, ...below] = entry === undefined ? [] : walk(entries, entry, { depth: 0, seen: new Set() });
  if (self === undefined) return [];
  return [{ nodes: [self, ...below], tags: [...new Set(same.flatMap(namesOf))] }];
};

/** Whether this entry of index.json is there only for what another one leads to. */
const isReferrer = ({ nodes: [self], tags }: Named, others: ReadonlySet<string>): boolean =>
  tags.length === 0 && self.kind !== 'image' && self.subject !== undefined && others.has(self.subject);

const topOf = ({ nodes, tags }: Named, referrers: readonly TreeNode[]): LayoutTop => {
  const [self, ...below] = nodes;
  const about = new Set(nodes.map((node) => node.descriptor.digest));
  const refer = referrers.filter(({ subject }) => subject !== undefined && about.has(subject));
  return { top: self, nodes: unique([...(self.kind === 'index' ? below : nodes), ...refer]), tags };
};

/** What an index.json names, as far as the archive holds it. */
export const layoutTops = (entries: ArchiveEntries, indexJson: Buffer): readonly LayoutTop[] => {
  const index = parseManifest(indexJson);
  if (index.kind !== 'index') throw libraryErrors.archiveUnreadable({ reason: 'its index.json is no index' });
  const byDigest = Map.groupBy(index.manifests, (descriptor) => descriptor.digest);
  const found = [...byDigest.values()].flatMap((same) => named(entries, same));
  const digests = new Set(found.flatMap(({ nodes }) => nodes.map((node) => node.descriptor.digest)));
  const referring = found.filter((one) => isReferrer(one, digests));
  const referrers = referring.map(({ nodes: [self] }) => self);
  return found.filter((one) => !referring.includes(one)).map((one) => topOf(one, referrers));
};
