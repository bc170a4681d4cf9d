import {
  expandWord,
  findingOf,
  nearest,
  placeOf,
  type CheckRule,
  type Dockerfile,
  type Expansion,
  type ExpandOptions,
  type PatternMatcher,
  type SourceRange,
  type Stage,
  type StageInstruction,
  type Word,
} from '#dockerfile';
import { isLadeError } from '#errors';
import type { ContainerConfig, JsonSet } from '#oci';
import { stepsErrors, type PlannedStep } from '#steps';
import type { CheckReport } from './check-report.ts';
import { envOf } from './image-draft.ts';
import type { FromNames } from './outline.ts';
import type { BuildArgs, GlobalScope } from './variables.ts';

/** What the planning of every stage needs. */
export interface PlanInput {
  readonly file: Dockerfile;
  readonly buildArgs: BuildArgs;
  readonly globals: GlobalScope;
  readonly automatic: Readonly<Record<string, string>>;
  readonly report: CheckReport;
  /** What `.dockerignore` leaves out of the context. */
  readonly ignored: PatternMatcher | undefined;
  readonly fromNames: FromNames;
  /** Names of build arguments that some stage declared. */
  readonly consumed: Set<string>;
  /** Counts what the plan holds; throws when it is more than any image may have. */
  readonly spend: (characters: number) => void;
}

/** A stage while its instructions are planned one after another. */
export interface StageState {
  readonly input: PlanInput;
  readonly stage: Stage;
  readonly index: number;
  config: ContainerConfig;
  author: string | undefined;
  /** ARG names in the order of their declaration, those without value too; `declareArg` adds to them. */
  readonly args: Map<string, string | undefined>;
  /** Environment so far, which the configuration gets at the end of the stage; `setEnv` adds to it. */
  readonly env: Map<string, string>;
  /** What words may refer to and commands get: ARG and ENV, the later one counts. */
  readonly variables: Map<string, string>;
  /** `variables` as they are now, for the steps that saw them; made again after a change. */
  snapshot: ReadonlyMap<string, string> | undefined;
  envChanged: boolean;
  /** Members of the configuration that grow; `configOf` writes them down. */
  readonly labels: Map<string, string>;
  readonly ports: Set<string>;
  readonly volumes: Set<string>;
  readonly triggers: string[];
  /** WORKDIR stood in this stage or one below it. */
  workdirSet: boolean;
  /** Where CMD, ENTRYPOINT and HEALTHCHECK stood last in this stage. */
  readonly last: Map<StageInstruction['kind'], StageInstruction>;
  /** The instruction that is planned. */
  current: StageInstruction | undefined;
  readonly steps: PlannedStep[];
}

/** What a stage takes over from the one that it stands on. */
export type Inherited = Pick<StageState, 'args' | 'variables' | 'workdirSet'>;

/** A stage at its start. */
export const startStage = (
  start: Pick<StageState, 'input' | 'stage' | 'index' | 'config' | 'author'>,
  below: Inherited | undefined,
): StageState => {
  const env = envOf(start.config);
  const variables = new Map(below?.variables ?? env);
  start.input.spend((variables.size + env.size + (below?.args.size ?? 0)) * 32);
  return {
    ...start,
    args: new Map(below?.args),
    env,
    variables,
    snapshot: undefined,
    envChanged: false,
    labels: new Map(),
    ports: new Set(),
    volumes: new Set(),
    triggers: [],
    workdirSet: below?.workdirSet ?? false,
    last: new Map(),
    current: undefined,
    steps: [],
  };
};

export const declareArg = (state: StageState, name: string, value: string | undefined): void => {
  state.args.set(name, value);
  if (value === undefined) return;
  state.variables.set(name, value);
  state.snapshot = undefined;
};

export const setEnv = (state: StageState, name: string, value: string): void => {
  state.env.set(name, value);
  state.variables.set(name, value);
  state.snapshot = undefined;
  state.envChanged = true;
};

const withMembers = (before: JsonSet | undefined, members: ReadonlySet<string>): JsonSet => ({
  ...before,
  ...Object.fromEntries(Array.from(members, (member) => [member, {}])),
});

/** The configuration with everything in it that grew. */
export const configOf = (state: StageState): ContainerConfig => {
  const { config, env, envChanged, labels, ports, volumes, triggers, input } = state;
  const grown = [
    [labels.size, config.Labels],
    [ports.size, config.ExposedPorts],
    [volumes.size, config.Volumes],
  ] as const;
  // What a stage adds to is copied: many stages on each other make many copies.
  for (const [added, below = {}] of grown)
    if (added > 0) input.spend((added + Object.keys(below).length) * 64);
  if (envChanged) input.spend(env.size * 64);
  return {
    ...config,
    ...(envChanged ? { Env: Array.from(env, ([key, value]) => `${key}=${value}`) } : {}),
    ...(labels.size > 0
      ? { Labels: Object.fromEntries([...Object.entries(config.Labels ?? {}), ...labels]) }
      : {}),
    ...(ports.size > 0 ? { ExposedPorts: withMembers(config.ExposedPorts, ports) } : {}),
    ...(volumes.size > 0 ? { Volumes: withMembers(config.Volumes, volumes) } : {}),
    ...(triggers.length > 0 ? { OnBuild: triggers } : {}),
  };
};

/** What a command gets: ARG and ENV, the later one of a name. */
export const variablesOf = (state: StageState): ReadonlyMap<string, string> => {
  if (state.snapshot === undefined) {
    state.input.spend(state.variables.size * 32);
    state.snapshot = new Map(state.variables);
  }
  return state.snapshot;
};

/** Reports what a check found in the instruction that is planned. */
export const reportIn = (state: StageState, rule: CheckRule, ...words: readonly string[]): void => {
  const { current } = state;
  if (current !== undefined)
    state.input.report.take(findingOf(rule, current.range, ...words), current.comments);
};

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

const reportUnset = (state: StageState, expansion: Expansion): void => {
  if (state.input.report.isFull()) return;
  for (const name of expansion.unset) {
    if (state.args.has(name)) continue;
    const near = nearest(name, state.variables.keys());
    reportIn(state, 'UndefinedVar', name, near === undefined ? '' : ` (did you mean $${near}?)`);
  }
};

/** Expands a word with the variables in scope. */
export const expandIn = (state: StageState, word: Word, options: ExpandOptions = {}): Expansion =>
  located(state, word.range, () => {
    const expansion = expandWord(word.value, state.variables, {
      escape: state.input.file.escape,
      ...options,
    });
    if (expansion.unset.size > 0) reportUnset(state, expansion);
    state.input.spend(expansion.value.length);
    return expansion;
  });

export const valueIn = (state: StageState, word: Word): string => expandIn(state, word).value;
