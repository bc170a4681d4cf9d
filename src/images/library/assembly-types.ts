import type { Descriptor, ImageConfig, ImageId, LayerCompression } from '#oci';
import type { Lease } from '#store';
import type { Cancellable } from './types.ts';

type Annotations = Readonly<Record<string, string>>;

/** A statement about an image (in-toto), which goes beside it as an artifact that refers to it. */
export interface ImageStatement {
  readonly predicateType: string;
  /** The statement as JSON. */
  readonly bytes: Uint8Array;
}

/** One image of what is put together. */
export interface AssemblyPart {
  /** With rootfs and history complete; its layers are stored. */
  readonly config: ImageConfig;
  readonly annotations?: Annotations | undefined;
  /** Of its entry in an index. */
  readonly descriptorAnnotations?: Annotations | undefined;
  /** What is to be said about it, once its manifest is known. */
  readonly statements?: ((manifest: Descriptor) => Promise<readonly ImageStatement[]>) | undefined;
}

export interface AssemblyRequest extends Cancellable {
  readonly parts: readonly AssemblyPart[];
  /** Puts them in an index; of several parts always. */
  readonly index?: { readonly annotations?: Annotations | undefined } | undefined;
  /** Of what leads to the whole from outside, such as the entry in an archive's index.json. */
  readonly topAnnotations?: Annotations | undefined;
  /** Of layers that were never compressed; gzip unless given. */
  readonly compression?: LayerCompression | undefined;
  /** Also layers that are stored in another form. */
  readonly forceCompression?: boolean | undefined;
  readonly mediaTypes?: 'oci' | 'docker' | undefined;
  /** Protects what is made until somebody names it. */
  readonly lease: Lease;
}

export interface AssembledImage {
  readonly id: ImageId;
  readonly config: ImageConfig;
  readonly manifest: Descriptor;
  /** Manifests of its statements. */
  readonly statements: readonly Descriptor[];
}

/** Images with manifests, all of it stored and under no name yet. */
export interface Assembly {
  /** The index, or the manifest of the one image. */
  readonly top: Descriptor;
  readonly topAnnotations: Annotations;
  readonly images: readonly AssembledImage[];
  /** The image that is meant where no platform is asked for. */
  readonly main: AssembledImage;
}
