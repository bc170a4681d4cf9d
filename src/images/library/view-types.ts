import type { ContainerConfig, DiffId, Digest, ImageId } from '#oci';

export interface ResolveOptions {
  /** `os/arch[/variant]`: that image of an index, and none of another platform. */
  readonly platform?: string | undefined;
}

export interface ListOptions {
  /** Also untagged images that others were made from. */
  readonly all?: boolean | undefined;
  /** `dangling`, `label`, `before`, `since`, `reference`, `until`. */
  readonly filters?: Readonly<Record<string, readonly string[]>> | undefined;
  /** Also what images share, and what only one of them keeps. */
  readonly shared?: boolean | undefined;
  /** Also the manifests of each. */
  readonly manifests?: boolean | undefined;
}

/** One manifest of an image, with the API's field names (1.47). */
export interface ManifestSummary {
  readonly ID: Digest;
  readonly Descriptor: Readonly<Record<string, unknown>>;
  /** Whether its content is all here. */
  readonly Available: boolean;
  /** Bytes of its blobs that are here; `Total` with what is unpacked. */
  readonly Size: { readonly Content: number; readonly Total: number };
  readonly Kind: 'image' | 'attestation' | 'unknown';
  readonly ImageData?: {
    readonly Platform: Readonly<Record<string, unknown>>;
    readonly Size: { readonly Unpacked: number };
    /** IDs of containers that hold it. */
    readonly Containers: readonly string[];
  };
  readonly AttestationData?: { readonly For: string };
}

/** One line of `docker images`, with the API's field names. */
export interface ImageSummary {
  readonly Id: ImageId;
  readonly ParentId: string;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  /** Seconds since the epoch. */
  readonly Created: number;
  readonly Size: number;
  /** Bytes of layers that other images have too; -1 where nobody asked. */
  readonly SharedSize: number;
  /** Bytes that become free with this image and its names: layers, and blobs as transferred; where it was asked for. */
  readonly UniqueSize?: number | undefined;
  readonly Labels: Readonly<Record<string, string>>;
  /** Containers that hold it. */
  readonly Containers: number;
  /** What its name was resolved to, with `Manifests`. */
  readonly Descriptor?: Readonly<Record<string, unknown>> | undefined;
  readonly Manifests?: readonly ManifestSummary[] | undefined;
}

export interface InspectOptions extends ResolveOptions {
  /** Also the manifests of all platforms. */
  readonly manifests?: boolean | undefined;
}

/** `docker image inspect`, with the API's field names. */
export interface ImageInspect {
  readonly Id: ImageId;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  readonly Parent: string;
  readonly Comment: string;
  readonly Created?: string | undefined;
  readonly DockerVersion: string;
  readonly Author: string;
  readonly Config: ContainerConfig;
  readonly Architecture: string;
  readonly Variant?: string | undefined;
  readonly Os: string;
  readonly OsVersion?: string | undefined;
  readonly Size: number;
  readonly GraphDriver: { readonly Name: string; readonly Data: Readonly<Record<string, string>> | null };
  readonly RootFS: { readonly Type: 'layers'; readonly Layers: readonly DiffId[] };
  readonly Metadata: { readonly LastTagTime: string };
  /** What its name was resolved to. */
  readonly Descriptor?: Readonly<Record<string, unknown>> | undefined;
  readonly Manifests?: readonly ManifestSummary[] | undefined;
}

/** One line of `docker history`, newest first, with the API's field names. */
export interface HistoryItem {
  /** An image ID, or `<missing>`. */
  readonly Id: string;
  /** Seconds since the epoch. */
  readonly Created: number;
  readonly CreatedBy: string;
  readonly Tags: readonly string[];
  readonly Size: number;
  readonly Comment: string;
}
