/**
 * One named ingredient of a vertex's key. Parts are compared by `kind` and `name` with those of the previous run to
 * say why the key changed.
 */
export interface KeyPart {
  /** Such as `instruction`, `variable` or `file`; the solver gives it no meaning. */
  readonly kind: string;
  readonly name: string;
  readonly value: string;
  /** What people are shown instead of the value; not part of the key. */
  readonly shown?: string | undefined;
}

/** What a vertex needs from another one. */
export interface VertexInput<R> {
  readonly vertex: Vertex<R>;
  /**
   * `key`: a new key of the input gives a new key here.
   * `content`: only what `contentOf` reads from the input's result counts, so that an input that was built again with
   * the same result keeps this vertex cached.
   */
  readonly by: 'key' | 'content';
  /**
   * The result contains the input's: one from the cache counts only where the input's is known too, and where it
   * contains that one (`SolveOptions.contains`).
   */
  readonly part?: boolean | undefined;
}

export interface ExecuteContext<R> {
  /** Results of the inputs, in their order. */
  readonly inputs: readonly R[];
  /** The key under which the result will be stored. */
  readonly key: string;
  /** Aborted when the caller cancels or another vertex fails. */
  readonly signal: AbortSignal;
}

/** A unit of work in a graph without cycles. `R` is what it makes. */
export interface Vertex<R> {
  /** Unique in the graph; names the vertex in events. */
  readonly id: string;
  /** Identifies the same step in another run of the same job, to explain misses. */
  readonly step: string;
  readonly inputs: readonly VertexInput<R>[];
  /** What the vertex is, apart from its inputs. */
  readonly definition: readonly KeyPart[];
  /** Facts from outside the graph that belong to the key, such as files; read in every run. */
  readonly sources?: ((signal: AbortSignal) => Promise<readonly KeyPart[]>) | undefined;
  /**
   * What counts of the `content` inputs, whose results these are, in their order; read only when the key of the inputs
   * themselves is not cached.
   */
  readonly contentOf?:
    | ((inputs: readonly R[], signal: AbortSignal) => Promise<readonly KeyPart[]>)
    | undefined;
  /**
   * Names what the result may depend on and the key does not say, such as contents of secrets: solves wait for each
   * other's work only where it is the same. What was stored counts for all.
   */
  readonly unkeyed?: string | undefined;
  /** Never look the result up; the result is stored all the same. */
  readonly ignoreCache?: boolean | undefined;
  /** Neither looked up nor stored: it is executed in every run, and its key is that of its definition. */
  readonly transient?: boolean | undefined;
  execute(context: ExecuteContext<R>): Promise<R>;
}

/** The ingredients of a key, kept to explain the next miss. */
export interface KeyInputs {
  readonly parts: readonly KeyPart[];
  /** Step and key of each input that counts by key. */
  readonly inputs: readonly { readonly step: string; readonly key: string }[];
}

/** The same for a key whose parts may be stored already: `parts` is undefined where they were not read. */
export interface StepInputs {
  readonly parts: readonly KeyPart[] | undefined;
  readonly inputs: KeyInputs['inputs'];
}

export interface CacheHit<R> {
  readonly result: R;
  /** The key the result was first stored under: two keys of equal content have one canonical key. */
  readonly canonicalKey: string;
  /**
   * Brings what the result is made of here, when something needs it. Undefined: it is here. A rejection makes the hit a
   * miss.
   */
  readonly obtain?: ((signal: AbortSignal) => Promise<R>) | undefined;
}

/** What a step's key was made of in the last run that reached it. */
export interface StepRecord {
  readonly key: string;
  /** Reads the ingredients; they may be large. */
  inputs(): KeyInputs;
}

/** Where results live between runs. Implementations must be safe for concurrent solves. */
export interface SolverCache<R> {
  /** `step` says for which step the result is wanted. */
  lookup(key: string, step?: string): Promise<CacheHit<R> | undefined> | CacheHit<R> | undefined;
  /** Stores a result under its key, and `aliases` as further keys of the same result. */
  store(entry: {
    readonly key: string;
    readonly aliases: readonly string[];
    readonly result: R;
    /** The step that made it. */
    readonly step?: string | undefined;
  }): Promise<void>;
  /** A further key for a result that is already stored. */
  alias(key: string, canonicalKey: string): Promise<void> | void;
  /** Whether a result was stored under `key` once, and has been let go. Called after a lookup that found none. */
  wasEvicted?(key: string): boolean;
  /** Nothing needed the result of `key`, and it is not stored: as if it had been evicted. */
  absent?(key: string): void;
  /**
   * Whether it may have results without having those of their inputs, beside what was evicted. A vertex whose result is
   * missing then waits until something needs it.
   */
  readonly sparse?: boolean | undefined;
  previous(step: string): StepRecord | undefined;
  /** Remembers what the step's key is made of now. */
  remember(step: string, key: string, inputs: StepInputs): void;
}

/** Why a vertex had to be executed. */
export type KeyDifference =
  | { readonly kind: 'unknown-step' }
  | { readonly kind: 'ignored-cache' }
  | {
      readonly kind: 'part-changed';
      readonly part: { readonly kind: string; readonly name: string };
      readonly before: string | undefined;
      readonly after: string | undefined;
    }
  | { readonly kind: 'input-changed'; readonly step: string }
  /** The input is another step than in the last run. */
  | { readonly kind: 'input-replaced'; readonly before: string; readonly after: string }
  /** Exactly this was solved before: its result has been let go. */
  | { readonly kind: 'evicted' };

/** Under which keys a result is found. */
export interface ResultKeys {
  readonly key: string;
  readonly aliases: readonly string[];
}

export type SolveEvent<R> =
  | { readonly kind: 'cached'; readonly vertex: Vertex<R>; readonly result: R; readonly keys: ResultKeys }
  | { readonly kind: 'started'; readonly vertex: Vertex<R>; readonly differences: readonly KeyDifference[] }
  | {
      readonly kind: 'done';
      readonly vertex: Vertex<R>;
      readonly result: R;
      readonly durationMs: number;
      /** Undefined for what is not stored. */
      readonly keys: ResultKeys | undefined;
    }
  | {
      readonly kind: 'failed';
      readonly vertex: Vertex<R>;
      readonly error: unknown;
      readonly durationMs: number;
    }
  | { readonly kind: 'cancelled'; readonly vertex: Vertex<R> }
  /** It has no result, and what would have used it is cached. */
  | { readonly kind: 'unneeded'; readonly vertex: Vertex<R> };
