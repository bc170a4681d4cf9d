import { isLadeError } from '#errors';
import {
  didYouMean,
  expandWord,
  type Dockerfile,
  type Expansion,
  type ExpandOptions,
  type SourceRange,
  type Stage,
  type Word,
} from '#dockerfile';
import type { ContainerConfig } from '#oci';
import { builderErrors } from './errors.ts';
import { envOf } from './image-draft.ts';
import type { PlannedStep } from './operations.ts';
import { placeOf } from './outline.ts';
import type { BuildArgs, GlobalScope } from './variables.ts';

/** What the planning of every stage needs. */
export interface PlanInput {
  readonly file: Dockerfile;
  readonly buildArgs: BuildArgs;
  readonly globals: GlobalScope;
  readonly automatic: Readonly<Record<string, string>>;
  readonly warn: (message: string, range: SourceRange) => void;
  /** Names of build arguments that some stage declared. */
  readonly consumed: Set<string>;
}

/** A stage while its instructions are planned one after another. */
export interface StageState {
  readonly input: PlanInput;
  readonly stage: Stage;
  readonly index: number;
  config: ContainerConfig;
  author: string | undefined;
  /** ARG values in scope. */
  readonly args: Map<string, string>;
  /** A CMD stood in this stage; without one, ENTRYPOINT clears the inherited CMD. */
  cmdSet: boolean;
  readonly steps: PlannedStep[];
}

/** ARG values with ENV above them. */
export const variablesOf = (state: StageState): Map<string, string> =>
  new Map([...state.args, ...envOf(state.config)]);

/** An error about an instruction, with file, line and excerpt. */
export const badInstruction = (state: StageState, range: SourceRange, problem: string, advice?: string) =>
  builderErrors.badInstruction({ problem, advice, ...placeOf(state.input.file, range) });

/** Runs `read` and gives errors about words the place of the instruction. */
export const located = <T>(state: StageState, range: SourceRange, read: () => T): T => {
  try {
    return read();
  } catch (error) {
    const placed: boolean = builderErrors.badInstruction.is(error);
    if (placed || !isLadeError(error, 'invalid-argument')) throw error;
    throw badInstruction(state, range, error.message, error.hint);
  }
};

const warnUnset = (state: StageState, range: SourceRange, expansion: Expansion): void => {
  const known = variablesOf(state);
  for (const name of expansion.unset) {
    if (!/^\w+$/u.test(name) || /^\d/u.test(name)) continue;
    const advice = didYouMean(
      `$${name}`,
      Array.from(known.keys(), (each) => `$${each}`),
    );
    const more = advice === undefined ? '' : ` (${advice})`;
    state.input.warn(`UndefinedVar: Usage of undefined variable '$${name}'${more}`, range);
  }
};

/** Expands a word with the variables in scope. */
export const expandIn = (state: StageState, word: Word, options: ExpandOptions = {}): Expansion =>
  located(state, word.range, () => {
    const expansion = expandWord(word.value, variablesOf(state), {
      escape: state.input.file.escape,
      ...options,
    });
    warnUnset(state, word.range, expansion);
    return expansion;
  });

export const valueIn = (state: StageState, word: Word): string => expandIn(state, word).value;
