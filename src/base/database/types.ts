export type SqlValue = null | number | bigint | string | Uint8Array;
export type Row = Record<string, SqlValue>;

export interface Statement {
  readonly sql: string;
  readonly params?: readonly SqlValue[] | undefined;
  /** Rows changed must equal this, else the whole transaction is rolled back with a `conflict`. */
  readonly expectChanges?: number | undefined;
}

/** One forward step of a room's tables. Versions of a room count 1, 2, 3 … without gaps. */
export interface Migration {
  readonly room: string;
  readonly version: number;
  /** Statements separated by semicolons; runs in one transaction. */
  readonly sql: string;
}

export interface StatementResult {
  readonly changes: number;
}

export interface Database extends AsyncDisposable {
  readonly path: string;
  /** The first row, read on the calling thread; sees every write that has resolved. */
  get<R extends Row>(sql: string, ...params: readonly SqlValue[]): R | undefined;
  /** All rows, read on the calling thread; sees every write that has resolved. */
  all<R extends Row>(sql: string, ...params: readonly SqlValue[]): R[];
  /**
   * Runs the statements as one transaction on the writer thread and resolves when it is durable (WAL, synchronous
   * FULL). Transactions that wait at the same moment share one commit; each is atomic by itself, and they apply in the
   * order of the calls. A failing statement or an `expectChanges` that does not hold rolls back this transaction only.
   */
  write(statements: readonly Statement[], options?: WriteOptions): Promise<readonly StatementResult[]>;
  /**
   * Copies the database as it is at one moment into a new file, beside the threads that read and write; synced when it
   * resolves.
   */
  snapshot(path: string): Promise<void>;
}

export interface WriteOptions {
  /**
   * When false, resolves as soon as the transaction is committed. It survives the end of the process; a power cut may
   * undo it, together with everything that was written after it. The next durable write makes it durable as well.
   * For what is only told to somebody after a later, durable write, or may be lost. True by default.
   */
  readonly durable?: boolean | undefined;
}

export interface DatabaseOptions {
  readonly path: string;
  /** Of all rooms that keep tables here; applied in order of room as given, then version. */
  readonly migrations: readonly Migration[];
  /**
   * Bytes kept in a file beside the database, given up when a write fails because the disk is full, so that removals
   * can be written down; taken again when there is space.
   */
  readonly reserveBytes?: number | undefined;
  /** Reads only, without migrating; `write` then fails. */
  readonly readOnly?: boolean | undefined;
}
