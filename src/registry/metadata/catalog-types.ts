import type { Digest } from '#oci';
import type { Cause, Page } from './types.ts';

/** What a manifest is to people. */
export type ManifestKind = 'image' | 'index' | 'signature' | 'attestation' | 'artifact';

export interface LayerFact {
  /** As it is stored, compressed or not. */
  readonly digest: Digest;
  /** Digest of the uncompressed tar, where the configuration tells. */
  readonly diffId: string | undefined;
  readonly size: number;
}

/** What is worth knowing of a manifest and its configuration. */
export interface ImageFacts {
  readonly kind: ManifestKind;
  /** Bytes of the configuration and all layers, each digest once. */
  readonly bytes: number;
  readonly config: Digest | undefined;
  readonly os: string | undefined;
  readonly architecture: string | undefined;
  readonly variant: string | undefined;
  readonly createdMs: number | undefined;
  /** `org.opencontainers.image.base.name` and `.digest`. */
  readonly baseName: string | undefined;
  readonly baseDigest: string | undefined;
  readonly layers: readonly LayerFact[];
  readonly labels: Readonly<Record<string, string>>;
}

/** A manifest that was put into a repository and not read yet. */
export interface UnreadManifest {
  readonly id: number;
  readonly repository: string;
  readonly digest: Digest;
}

export interface ReadManifest extends UnreadManifest {
  /** Undefined when the manifest is gone or was read before. */
  readonly facts: ImageFacts | undefined;
  /** Annotations and labels `org.opencontainers.image.*`, when it has any. */
  readonly texts: Readonly<Record<string, string>> | undefined;
}

export interface DocumentationLink {
  readonly title: string;
  readonly url: string;
}

/** What people wrote about a repository. */
export interface Documentation {
  /** One line. */
  readonly description?: string | undefined;
  /** Markdown. */
  readonly readme?: string | undefined;
  readonly links?: readonly DocumentationLink[] | undefined;
  /** URL of an image. */
  readonly logo?: string | undefined;
}

export interface DocumentationChange {
  readonly repository: string;
  /** Absent members stay as they are, empty ones are removed. */
  readonly change: Documentation;
  readonly cause: Cause;
}

/** What a search shows of a repository. */
export interface RepositoryCard {
  readonly name: string;
  /** Of the documentation, else of the newest image that has one. */
  readonly description: string | undefined;
  readonly stars: number;
}

export interface RepositorySummary {
  readonly name: string;
  readonly tags: number;
  /** Manifests of every kind, tagged or not. */
  readonly manifests: number;
  /** When a manifest was pushed last. */
  readonly pushedMs: number;
  /** Of the documentation, else of the newest image that has one. */
  readonly description: string | undefined;
  readonly stars: number;
  readonly pulls: number;
}

export interface PlatformFact {
  readonly digest: Digest;
  readonly os: string;
  readonly architecture: string;
  readonly variant: string | undefined;
}

export interface ManifestSummary {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly artifactType: string | undefined;
  /** Undefined until it has been read, moments after the push. */
  readonly kind: ManifestKind | undefined;
  /** Bytes of the manifest itself. */
  readonly size: number;
  /** Bytes of the configuration and the layers; of an index, of all images in it. */
  readonly bytes: number;
  readonly subject: Digest | undefined;
  readonly pushedMs: number;
  readonly createdMs: number | undefined;
  /** Its own, or those of the images in it. */
  readonly platforms: readonly PlatformFact[];
  readonly tags: readonly string[];
  /** Indexes of the repository that list it. */
  readonly parents: readonly Digest[];
  /** Manifests of the repository that have it as their subject. */
  readonly referrers: number;
}

export interface TagSummary extends ManifestSummary {
  readonly name: string;
  readonly updatedMs: number;
}

/** An image that a search found. */
export interface FoundImage {
  readonly repository: string;
  readonly digest: Digest;
  readonly tags: readonly string[];
}

/** Listings, search and documentation. Facts are read behind pushes, see `unread`. */
export interface CatalogStore {
  unread(limit: number): readonly UnreadManifest[];
  hasFacts(manifest: Digest): boolean;
  facts(manifest: Digest): ImageFacts | undefined;
  /** Records what was read; a power cut may undo it, and it is then read again. */
  recordFacts(manifests: readonly ReadManifest[]): Promise<void>;
  /** Repositories that have a manifest, in order of their names; with `text`, those whose name or description has it. */
  repositories(page: Page, text?: string): readonly RepositorySummary[];
  /** The same ones, without what has to be counted in tags, manifests and pulls. */
  repositoryCards(page: Page): readonly RepositoryCard[];
  repository(name: string): RepositorySummary | undefined;
  tagSummaries(repository: string, page: Page): readonly TagSummary[];
  /** Newest push first; `after` is the number of those to leave out. */
  manifestSummaries(repository: string, page: Page): readonly ManifestSummary[];
  manifestSummary(repository: string, digest: Digest): ManifestSummary | undefined;
  /** Images with that layer, by the digest of the blob or of the uncompressed tar. */
  imagesWithLayer(digest: string, page: Page): readonly FoundImage[];
  /** Images built on that image: its layers are the first of theirs, or they say so by annotation. */
  imagesOnBase(manifest: Digest, page: Page): readonly FoundImage[];
  /** Images with that label; any value when none is given. */
  imagesWithLabel(name: string, value: string | undefined, page: Page): readonly FoundImage[];
  /** Where the manifest is. */
  imagesWithDigest(digest: string, page: Page): readonly FoundImage[];
  documentation(repository: string): Documentation;
  /** `org.opencontainers.image.*` of the newest image that has any. */
  imageTexts(repository: string): Readonly<Record<string, string>>;
  document(change: DocumentationChange): Promise<void>;
  /** Whether the person stars it. */
  star(star: { readonly repository: string; readonly name: string; readonly on: boolean }): Promise<void>;
  isStarred(repository: string, name: string): boolean;
}
