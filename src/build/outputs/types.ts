/** How the manifests and layers of an image are written. */
export interface ImageForm {
  /** Of layers that were never compressed; gzip unless given. */
  readonly compression?: 'gzip' | 'zstd' | 'uncompressed' | undefined;
  /** Also layers that are stored in another form, such as those of a base image. */
  readonly forceCompression?: boolean | undefined;
  /** False: Docker's media types (schema 2) instead of OCI's. */
  readonly ociMediaTypes?: boolean | undefined;
}

/** Where the result of a build goes, as `--output` names it. */
export type OutputSpec =
  /** Into the image store; `push` sends every name to its registry afterwards. */
  | ({
      readonly kind: 'image';
      readonly names: readonly string[];
      readonly push: boolean;
    } & ImageForm)
  /** The files of the result below a directory of the daemon's machine; several platforms get one each in it. */
  | {
      readonly kind: 'local';
      readonly destination: string;
      /** `delete` also removes what is in the directory and not in the result; `copy` unless given. */
      readonly mode?: 'copy' | 'delete' | undefined;
      /** A directory for each platform; true unless given where there are several. */
      readonly platformSplit?: boolean | undefined;
    }
  /** The files of the result as one tar. */
  | {
      readonly kind: 'tar';
      readonly destination: string;
      readonly platformSplit?: boolean | undefined;
    }
  /** An OCI layout, as a tar or (`tar: false`) as a directory. */
  | ({
      readonly kind: 'oci';
      readonly destination: string;
      readonly tar: boolean;
      /** What it is called inside; the names of the build unless given. */
      readonly names?: readonly string[] | undefined;
    } & ImageForm)
  /** An archive that `docker load` reads. */
  | ({
      readonly kind: 'docker';
      readonly destination: string;
      readonly names?: readonly string[] | undefined;
    } & ImageForm)
  /** Nothing but the cache. */
  | { readonly kind: 'cacheonly' };

/** Statements about a build that are made beside the image. */
export interface AttestationSpec {
  /** SLSA v1 provenance; undefined makes none. */
  readonly provenance?: 'min' | 'max' | undefined;
  /** What the provenance claims of the build: that it gives the same result again. */
  readonly reproducible?: boolean | undefined;
  /** A list of the packages in the image. */
  readonly sbom?: boolean | undefined;
}
