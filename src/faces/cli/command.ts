import type { FlagTable, FlagValues } from '#console';
import type { Cli } from './context.ts';

export interface Input<T extends FlagTable> {
  readonly flags: FlagValues<T>;
  /** Long names of the flags that were given. */
  readonly given: ReadonlySet<string>;
  readonly args: readonly string[];
}

export interface CommandSpec<T extends FlagTable> {
  /** The words after `lade`: `ps`, `network ls`. */
  readonly name: string;
  /** What follows the name in the usage line. */
  readonly operands: string;
  readonly summary: string;
  /** Every way to write the command, this one included. */
  readonly aliases?: readonly string[];
  readonly flags: T;
  /** Least and greatest number of arguments. */
  readonly args: readonly [min: number, max: number];
  /** False: everything after the first argument belongs to the container. */
  readonly interspersed?: boolean;
  /** Exit code of a thrown error, where it is not 1. */
  readonly exitCodeOf?: (error: unknown) => number;
  /** Returns the exit code; nothing is 0. */
  run(cli: Cli, input: Input<T>): Promise<number | undefined>;
}

/** A verb as the dispatcher sees it. */
export type Command = CommandSpec<FlagTable>;

/** What a verb's file exports as `command`. */
export const defineCommand = <const T extends FlagTable>(spec: CommandSpec<T>): Command => spec;

export const NO_LIMIT = Number.POSITIVE_INFINITY;
