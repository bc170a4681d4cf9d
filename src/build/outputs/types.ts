/** Where the result of a build goes, as `--output` names it. */
export type OutputSpec =
  /** Into the image store; `push` sends every name to its registry afterwards. */
  | {
      readonly kind: 'image';
      readonly names: readonly string[];
      readonly push: boolean;
    }
  /** The files of the result below a directory of the daemon's machine. */
  | { readonly kind: 'local'; readonly destination: string }
  /** The files of the result as one tar. */
  | { readonly kind: 'tar'; readonly destination: string }
  /** An OCI layout, as a tar or (`tar: false`) as a directory. */
  | { readonly kind: 'oci'; readonly destination: string; readonly tar: boolean }
  /** An archive that `docker load` reads. */
  | { readonly kind: 'docker'; readonly destination: string }
  /** Nothing but the cache. */
  | { readonly kind: 'cacheonly' };

/** Statements about a build that are made beside the image. */
export interface AttestationSpec {
  /** SLSA v1 provenance; undefined makes none. */
  readonly provenance?: 'min' | 'max' | undefined;
  /** A list of the packages in the image. */
  readonly sbom?: boolean | undefined;
}
