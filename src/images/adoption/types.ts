import type { Readable } from 'node:stream';
import type { LayerStore } from '#layers';
import type { Library, LoadOptions } from '#library';
import type { Digest, DiffId, ImageId } from '#oci';
import type { ImageStore } from '#store';

/** An image as Docker lists it. */
export interface DockerImage {
  /** Of the configuration; with the containerd store, of the manifest or index. */
  readonly id: Digest;
  /** Canonical. */
  readonly tags: readonly string[];
  /** Canonical `name@digest`s. */
  readonly repoDigests: readonly string[];
}

/** An image on its way, as an archive that `load` takes. */
export interface DockerArchive {
  readonly stream: Readable;
  readonly knownLayer?: LoadOptions['knownLayer'];
}

/** A Docker installation, which is only read. */
export interface DockerSource extends AsyncDisposable {
  list(signal: AbortSignal | undefined): Promise<readonly DockerImage[]>;
  /** Layers for which `has` is true may be left out. */
  archive(image: DockerImage, options: ArchiveOptions): Promise<DockerArchive>;
}

export interface ArchiveOptions {
  readonly has: (diffId: DiffId) => boolean;
  readonly signal: AbortSignal | undefined;
}

/** The parts of this daemon that take the images. */
export interface AdoptionParts {
  readonly library: Pick<Library, 'load'>;
  readonly store: Pick<ImageStore, 'images'>;
  readonly layers: Pick<LayerStore, 'info'>;
}

export interface AdoptRequest {
  /** `unix:///…` or `tcp://…` of a running dockerd. */
  readonly host?: string | undefined;
  /** Data folder of a stopped one; wins over `host`. */
  readonly dataRoot?: string | undefined;
  /** Names that mean another image here are moved to Docker's. */
  readonly moveNames?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface AdoptionFailure {
  /** A name of the image, or its ID. */
  readonly image: string;
  readonly message: string;
  readonly hint: string | undefined;
}

export interface AdoptionReport {
  readonly adopted: readonly ImageId[];
  /** Images that were here before. */
  readonly present: readonly ImageId[];
  /** Names that mean another image here, and went on doing so. */
  readonly keptNames: readonly string[];
  readonly failed: readonly AdoptionFailure[];
}
