import type { RegistryClient } from '#distribution';
import type { Emit } from '#events';
import type { Digest } from '#oci';
import type { ListEntry, ManifestList } from '#store';
import type { Cancellable, LibraryEvent } from './types.ts';

/** Work on an index that is put together by hand. */
export interface ListRequest extends Cancellable {
  /** Its name, as docker's command line takes it. */
  readonly list: string;
  /** Reaches registries; the caller disposes it. */
  readonly client: RegistryClient;
}

export interface CreateListRequest extends ListRequest {
  /** Images that are here (pushed before or never) or in a registry. */
  readonly manifests: readonly string[];
  /** Adds to a list that is there. */
  readonly amend?: boolean | undefined;
}

export interface AnnotateListRequest {
  readonly list: string;
  readonly manifest: string;
  readonly os?: string | undefined;
  readonly architecture?: string | undefined;
  readonly variant?: string | undefined;
  readonly osVersion?: string | undefined;
  readonly osFeatures?: readonly string[] | undefined;
}

/** A manifest with its bytes. */
export interface SeenManifest {
  /** Canonical. */
  readonly reference: string;
  readonly descriptor: ListEntry['descriptor'];
  readonly bytes: Buffer;
}

export interface InspectedList extends SeenManifest {
  /** Those in it, where it is a list of ours or an index whose parts were asked for. */
  readonly parts: readonly SeenManifest[];
}

/** Indexes that are put together from images here and in registries. */
export interface ImageLists {
  /** Fetches what describes the images in registries; compresses layers of images that were never pushed. */
  create(request: CreateListRequest): Promise<ManifestList>;
  annotate(request: AnnotateListRequest): Promise<ManifestList>;
  /** A list that is here, or what a registry has under the name; with `manifest` only that one of it. */
  inspect(
    request: ListRequest & { readonly manifest?: string | undefined; readonly parts?: boolean | undefined },
  ): Promise<InspectedList>;
  /** Gives the registry everything that it lacks, then the index under the list's name. */
  push(
    request: ListRequest & { readonly purge?: boolean | undefined },
    emit?: Emit<LibraryEvent>,
  ): Promise<{ readonly digest: Digest; readonly size: number }>;
  remove(list: string): Promise<void>;
  /** Names as Docker shows them. */
  names(): readonly string[];
}
