import type { RunMount, SourceRange } from '#dockerfile';
import type { RemoteRequest } from '#sources';

/** Where a step takes files from. */
export type FileOrigin =
  | { readonly kind: 'context' }
  | { readonly kind: 'stage'; readonly stage: number }
  | { readonly kind: 'image'; readonly reference: string };

export interface RunOperation {
  readonly kind: 'run';
  readonly args: readonly string[];
  /** A heredoc with a shebang: written to this path, which `args` names. */
  readonly script?: { readonly path: string; readonly content: string } | undefined;
  /** Everything the process gets, by name: ENV over ARG. */
  readonly env: ReadonlyMap<string, string>;
  readonly user: string;
  readonly workdir: string;
  readonly mounts: readonly RunMount[];
  readonly network: 'default' | 'none' | 'host';
  readonly security: 'sandbox' | 'insecure';
  /** Names of CDI devices, such as `vendor.com/class=name`; `,required=false` is read where they are looked for. */
  readonly devices: readonly string[];
}

export interface CopyOperation {
  readonly kind: 'copy';
  readonly origin: FileOrigin;
  readonly sources: readonly string[];
  readonly inline: readonly { readonly name: string; readonly content: string }[];
  /** Absolute; a slash at the end means a directory. */
  readonly destination: string;
  readonly chown: string | undefined;
  readonly chmod: string | undefined;
  readonly link: boolean;
  readonly parents: boolean;
  readonly excludes: readonly string[];
  /** Local archives are unpacked (ADD). */
  readonly unpack: boolean;
  /** Sources that are fetched, by their word. */
  readonly remotes: ReadonlyMap<string, RemoteRequest>;
  /** Fetched archives are unpacked. */
  readonly unpackRemote: boolean;
}

export interface WorkdirOperation {
  readonly kind: 'workdir';
  readonly path: string;
  readonly user: string;
}

/** What a step does to the file system. */
export type Operation = RunOperation | CopyOperation | WorkdirOperation;

/** One instruction of a stage, ready to be carried out. */
export interface PlannedStep {
  /** As progress shows it. */
  readonly name: string;
  /** On one line as the Dockerfile has it, before variables are replaced; absent when it comes from elsewhere. */
  readonly written?: string | undefined;
  /** As the image's history shows it. */
  readonly createdBy: string;
  readonly range: SourceRange;
  /** Undefined when only the configuration changes. */
  readonly operation: Operation | undefined;
}
