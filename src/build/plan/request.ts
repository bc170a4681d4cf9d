import type { SourceRange } from '#dockerfile';
import type { OutputSpec } from '#outputs';
import type { FileTree, NamedContext, OpenContext } from '#sources';

/** What of a request counts for its plan. */
export interface PlanRequest {
  /** `--build-context`: by name, what FROM, COPY --from and --mount=from may name beside stages and images. */
  readonly contexts?: Readonly<Record<string, NamedContext>> | undefined;
  /** Undefined as a value means: take the variable from nowhere, as `--build-arg NAME` without a value. */
  readonly buildArgs?: Readonly<Record<string, string | undefined>> | undefined;
  readonly target?: string | undefined;
  /** `os/arch[/variant]` each; several make an index. Empty means the daemon's own. */
  readonly platforms?: readonly string[] | undefined;
  /** Default: the image store, under `tags`. */
  readonly outputs?: readonly OutputSpec[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What of a context counts for a plan: the text, and what `.dockerignore` leaves out. */
export interface PlanContext extends Pick<OpenContext, 'dockerfile'> {
  readonly tree: Pick<FileTree, 'ignore'>;
}

/** What planning tells. */
export interface PlanEvent {
  readonly kind: 'warning';
  readonly message: string;
  readonly range?: SourceRange | undefined;
}
