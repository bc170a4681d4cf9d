import type { Digest, ImageId } from '#oci';

export interface BuildResult {
  /** Names the build in the history. */
  readonly buildId: string;
  /** Of the image for this machine's platform, or the first. */
  readonly imageId: ImageId;
  /** Of the index or manifest, where one was made: several platforms, annotations, statements, archives, a push. */
  readonly digest?: Digest | undefined;
  /** One for each platform. */
  readonly images: readonly {
    readonly platform: string;
    readonly imageId: ImageId;
    /** Of its manifest, where it has one. */
    readonly digest?: Digest | undefined;
  }[];
  /** What `--metadata-file` says. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Canonical names the image was given. */
  readonly tags: readonly string[];
  readonly steps: { readonly total: number; readonly cached: number; readonly executed: number };
  readonly durationMs: number;
}
