import type { Readable } from 'node:stream';

/** Where the files of COPY and ADD come from. */
export type BuildContext =
  /** Read in place; the client runs on the same machine. */
  | { readonly kind: 'directory'; readonly path: string }
  /** A tar stream, plain or gzip-compressed; spooled beneath the root and removed afterwards. */
  | { readonly kind: 'tar'; readonly stream: Readable }
  /** A git repository (`#ref:subdirectory` included), an archive or a single Dockerfile at a URL. */
  | { readonly kind: 'remote'; readonly url: string };

/** What `--build-context name=…` may stand for. */
export type NamedContext =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'remote'; readonly url: string }
  | { readonly kind: 'image'; readonly reference: string }
  /** An OCI layout on the daemon's machine; `reference` is a tag or a digest inside it. */
  | { readonly kind: 'oci-layout'; readonly path: string; readonly reference: string | undefined }
  | { readonly kind: 'target'; readonly stage: string };

/** What opening a context needs of a build's request. */
export interface ContextRequest {
  readonly context: BuildContext;
  /** A path inside the context (default `Dockerfile`), or the text itself. */
  readonly dockerfile?: string | { readonly inline: string } | undefined;
  readonly tags?: readonly string[] | undefined;
  /** Contents of secrets by id; remote sources look for their credentials here. */
  readonly secrets?: Readonly<Record<string, Uint8Array>> | undefined;
  readonly buildArgs?: Readonly<Record<string, string | undefined>> | undefined;
  readonly signal?: AbortSignal | undefined;
}
