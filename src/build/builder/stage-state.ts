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
import { stepsErrors } from '#steps';
import { envOf } from './image-draft.ts';
import type { PlannedStep } from '#steps';
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
  /** ARG values in scope; `declareArg` adds to them. */
  readonly args: Map<string, string>;
  /** Environment so far, which the configuration gets at the end of the stage; `setEnv` adds to it. */
  readonly env: Map<string, string>;
  /** What words may refer to: ARG values with ENV above them. */
  readonly variables: Map<string, string>;
  envChanged: boolean;
  /** A CMD stood in this stage; without one, ENTRYPOINT clears the inherited CMD. */
  cmdSet: boolean;
  readonly steps: PlannedStep[];
}

/** A stage at its start. */
export const startStage = (
  start: Pick<StageState, 'input' | 'stage' | 'index' | 'config' | 'author'>,
  inherited: ReadonlyMap<string, string> | undefined,
): StageState => {
  const args = new Map(inherited);
  const env = envOf(start.config);
  const variables = new Map([...args, ...env]);
  return { ...start, args, env, variables, envChanged: false, cmdSet: false, steps: [] };
};

export const declareArg = (state: StageState, name: string, value: string): void => {
  state.args.set(name, value);
  if (!state.env.has(name)) state.variables.set(name, value);
};

export const setEnv = (state: StageState, name: string, value: string): void => {
  state.env.set(name, value);
  state.variables.set(name, value);
  state.envChanged = true;
};

/** The configuration with the environment in it. */
export const configOf = ({ config, env, envChanged }: StageState): ContainerConfig =>
  envChanged ? { ...config, Env: Array.from(env, ([key, value]) => `${key}=${value}`) } : config;

/** What a command gets: ARG values with ENV above them. */
export const variablesOf = (state: StageState): Map<string, string> => new Map([...state.args, ...state.env]);

/** An error about an instruction, with file, line and excerpt. */
export const badInstruction = (state: StageState, range: SourceRange, problem: string, advice?: string) =>
  stepsErrors.badInstruction({ problem, advice, ...placeOf(state.input.file, range) });

/** Runs `read` and gives errors about words the place of the instruction. */
export const located = <T>(state: StageState, range: SourceRange, read: () => T): T => {
  try {
    return read();
  } catch (error) {
    const placed: boolean = stepsErrors.badInstruction.is(error);
    if (placed || !isLadeError(error, 'invalid-argument')) throw error;
    throw badInstruction(state, range, error.message, error.hint);
  }
};

const warnUnset = (state: StageState, range: SourceRange, expansion: Expansion): void => {
  for (const name of expansion.unset) {
    if (!/^\w+$/u.test(name) || /^\d/u.test(name)) continue;
    const advice = didYouMean(
      `$${name}`,
      Array.from(state.variables.keys(), (each) => `$${each}`),
    );
    const more = advice === undefined ? '' : ` (${advice})`;
    state.input.warn(`UndefinedVar: Usage of undefined variable '$${name}'${more}`, range);
  }
};

/** Expands a word with the variables in scope. */
export const expandIn = (state: StageState, word: Word, options: ExpandOptions = {}): Expansion =>
  located(state, word.range, () => {
    const expansion = expandWord(word.value, state.variables, {
      escape: state.input.file.escape,
      ...options,
    });
    warnUnset(state, word.range, expansion);
    return expansion;
  });

export const valueIn = (state: StageState, word: Word): string => expandIn(state, word).value;
