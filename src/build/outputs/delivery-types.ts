import type { Credentials } from '#distribution';
import type { Emit } from '#events';
import type { LayerStore } from '#layers';
import type { ImageStatement, Library } from '#library';
import type { Descriptor, Digest, ImageConfig, ImageId } from '#oci';
import type { OutputSpec } from './types.ts';

/** The result for one platform; its layers are stored. */
export interface BuiltImage {
  /** `os/architecture[/variant]`. */
  readonly platform: string;
  readonly config: ImageConfig;
}

/** What is known of an image when something is to be said about it. */
export interface Subject {
  readonly image: BuiltImage;
  readonly manifest: Descriptor;
  /** Canonical names that it is given. */
  readonly names: readonly string[];
}

/** What outputs tell while they are made. */
export type DeliveryEvent =
  | { readonly kind: 'status'; readonly message: string }
  | {
      readonly kind: 'pull';
      readonly step: undefined;
      readonly id: string;
      readonly status: string;
      readonly current?: number | undefined;
      readonly total?: number | undefined;
    };

export interface DeliveryTools {
  readonly library: Pick<Library, 'assemblies' | 'collect' | 'createImage' | 'lease' | 'push' | 'resolve'>;
  readonly layers: Pick<LayerStore, 'mountReadOnly'>;
}

export interface DeliveryRequest {
  readonly images: readonly BuiltImage[];
  /** One image, too, is put into an index, and its files into a directory of its platform. */
  readonly multiPlatform?: boolean | undefined;
  readonly outputs: readonly OutputSpec[];
  /** Canonical names of the build, for archives that are given none of their own. */
  readonly names: readonly string[];
  /** `[LEVEL[PLATFORM]:]key` to value. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Makes the statements about an image; undefined when none are wanted. */
  readonly statements: ((subject: Subject) => Promise<readonly ImageStatement[]>) | undefined;
  /** Credentials for a repository in full. */
  readonly credentials: (repository: string) => Credentials | undefined;
  readonly emit: Emit<DeliveryEvent>;
  readonly signal: AbortSignal | undefined;
}

/** What came of the outputs. */
export interface Delivered {
  /** The image for this machine's platform, or the first. */
  readonly imageId: ImageId;
  /** The manifest or index, where one was made. */
  readonly descriptor: Descriptor | undefined;
  readonly images: readonly {
    readonly platform: string;
    readonly imageId: ImageId;
    readonly digest: Digest | undefined;
  }[];
  /** Canonical names that images were given. */
  readonly names: readonly string[];
  /** Canonical names of images in archives. */
  readonly archiveNames: readonly string[];
}
