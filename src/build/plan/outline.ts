import {
  closest,
  doAll,
  expandWord,
  mountFrom,
  nearest,
  parseTrigger,
  placeOf,
  type Dockerfile,
  type Pieces,
  type SourceRange,
  type Stage,
  type StageInstruction,
} from '#dockerfile';
import { isLadeError } from '#errors';
import { isKnownPlatform, parsePlatform } from '#oci';
import { stepsErrors } from '#steps';
import { planErrors } from './errors.ts';
import { isLaterStage, originOf, stageNamed } from './stage-names.ts';
import { createStageScope, type StageScope } from './stage-scope.ts';
import { globalScope, type BuildArgs, type GlobalScope } from './variables.ts';

export { originOf } from './stage-names.ts';

/** What a stage starts from. */
type StageBase =
  | { readonly kind: 'scratch'; readonly platform?: string | undefined }
  | { readonly kind: 'stage'; readonly stage: number }
  | { readonly kind: 'image'; readonly reference: string; readonly platform: string | undefined };

export interface OutlinedStage {
  readonly index: number;
  /** Its name, or its number. */
  readonly name: string;
  readonly stage: Stage;
  readonly base: StageBase;
  /** ONBUILD instructions of what it stands on; they come before its own. Those of images are known once they are. */
  readonly triggers: readonly StageInstruction[];
}

/** What the `--from` of COPY, or the `from=` of each mount of RUN, names once its variables are replaced. */
export type FromNames = ReadonlyMap<StageInstruction, readonly (string | undefined)[]>;

/** The stages of a file and how they hang together. */
export interface Outline {
  readonly stages: readonly OutlinedStage[];
  readonly target: OutlinedStage;
  /** The stages that the target needs, itself included, in the order of the file. */
  readonly needed: readonly OutlinedStage[];
  /** Images that COPY --from and --mount=from name, and where they do. */
  readonly images: ReadonlyMap<string, SourceRange>;
  readonly fromNames: FromNames;
}

export interface OutlineInput {
  readonly file: Dockerfile;
  readonly globals: GlobalScope;
  /** A stage's name or number; the last one when it is empty. */
  readonly target: string | undefined;
  /** ONBUILD entries of the images that stages stand on, by stage. */
  readonly imageTriggers?: ReadonlyMap<number, readonly string[]> | undefined;
  /** Every stage counts as needed. */
  readonly all?: boolean | undefined;
}

const bad = (file: Dockerfile, range: SourceRange, problem: string, advice?: string) =>
  stepsErrors.badInstruction({ problem, advice, ...placeOf(file, range) });

/** Runs `read`; a fault of a word gets the place of its instruction. */
const located = <T>(file: Dockerfile, range: SourceRange, read: () => T): T => {
  try {
    return read();
  } catch (error) {
    const placed: boolean = stepsErrors.badInstruction.is(error) || planErrors.blankBase.is(error);
    if (placed || !isLadeError(error, 'invalid-argument')) throw error;
    throw bad(file, range, error.message, error.hint);
  }
};

/** The scope of the ARG lines before the first FROM; a fault gets the place of the first of them. */
export const locatedGlobals = (
  file: Dockerfile,
  given: { readonly buildArgs: BuildArgs; readonly automatic: Readonly<Record<string, string>> },
): GlobalScope => {
  const range = file.globalArgs[0]?.range ?? file.stages[0]?.from.range;
  const read = (): GlobalScope => globalScope(file.globalArgs, given, file.escape);
  return range === undefined ? read() : located(file, range, read);
};

const platformOf = (file: Dockerfile, { from }: Stage, globals: GlobalScope): string | undefined => {
  if (from.platform === undefined || from.platform.value === '') return undefined;
  const written = from.platform.value;
  const { value, unset } = expandWord(written, globals.values, { escape: file.escape });
  const near = [...unset]
    .map((name) => nearest(name, globals.values.keys()))
    .find((name) => name !== undefined);
  const advice = near === undefined ? undefined : `did you mean ${near}?`;
  if (value === '') throw bad(file, from.range, `empty platform value from expression ${written}`, advice);
  if (!isKnownPlatform(parsePlatform(value)))
    throw bad(file, from.range, `failed to parse platform ${written}: there is no platform ${value}`, advice);
  return value;
};

const baseOf = (file: Dockerfile, index: number, globals: GlobalScope): StageBase => {
  const stage = file.stages[index];
  if (stage === undefined) return { kind: 'scratch' };
  const { from } = stage;
  return located(file, from.range, (): StageBase => {
    const reference = expandWord(from.image.value, globals.values, { escape: file.escape }).value;
    if (reference === '')
      throw planErrors.blankBase({ word: from.image.value, ...placeOf(file, from.range) });
    const below = stageNamed(file.stages, index, reference);
    if (below !== undefined) return { kind: 'stage', stage: below };
    const platform = platformOf(file, stage, globals);
    return reference === 'scratch' ? { kind: 'scratch', platform } : { kind: 'image', reference, platform };
  });
};

/** Most instructions that a target may need, triggers and FROM included: no image could hold the history of more. */
const MAX_STEPS = 120_000;

const createCounter = (): ((steps: number) => void) => {
  let counted = 0;
  return (steps) => {
    counted += steps;
    if (counted > MAX_STEPS) throw planErrors.tooManySteps({ limit: MAX_STEPS });
  };
};

/** The instructions that ONBUILD lines stand for, at the place of the FROM that brings them. */
function* parseTriggers(
  file: Dockerfile,
  { from }: Stage,
  expressions: readonly string[],
): Pieces<readonly StageInstruction[]> {
  const triggers: StageInstruction[] = [];
  for (const expression of expressions) {
    const trigger = located(file, from.range, () => parseTrigger(expression));
    triggers.push({ ...trigger, range: from.range });
    yield;
  }
  return triggers;
}

/** ONBUILD lines of what a stage stands on. */
const createExpressions = ({ file, imageTriggers }: OutlineInput) => {
  const known = new Map<number, readonly string[]>();
  return (index: number, base: StageBase): readonly string[] => {
    if (base.kind !== 'stage') return imageTriggers?.get(index) ?? [];
    const below = file.stages[base.stage]?.instructions ?? [];
    const found =
      known.get(base.stage) ?? below.flatMap((each) => (each.kind === 'onbuild' ? [each.expression] : []));
    known.set(base.stage, found);
    return found;
  };
};

/** The words of an instruction that name where files come from. */
const fromWords = (instruction: StageInstruction): readonly (string | undefined)[] => {
  if (instruction.kind === 'copy') return instruction.from === undefined ? [] : [instruction.from.value];
  return instruction.kind === 'run' ? instruction.mounts.map(({ value }) => mountFrom(value)) : [];
};

const findTarget = (
  stages: readonly OutlinedStage[],
  wanted: string | undefined,
): OutlinedStage | undefined => {
  if (wanted === undefined || wanted === '') return stages.at(-1);
  const named = stages.findLast(({ stage }) => stage.from.name?.value === wanted.toLowerCase());
  return named ?? (/^\d+$/u.test(wanted) ? stages[Number(wanted)] : undefined);
};

const unknownTarget = (stages: readonly OutlinedStage[], target: string): never => {
  const names = stages.map(({ name }) => name);
  throw planErrors.unknownTarget({ target, stages: names, nearby: closest(target, names) });
};

/** Most variables that the scopes of all stages may have in all. */
const MAX_COPIED = 16 << 20;

/** Finds out which names the instructions of needed stages mean. */
const createNameReader = (input: OutlineInput, stages: readonly OutlinedStage[]) => {
  const { file, globals } = input;
  const scopes = new Map<number, StageScope>();
  const names = new Map<StageInstruction, readonly (string | undefined)[]>();
  let copied = 0;
  const everyInstruction = (stage: OutlinedStage) => [...stage.triggers, ...stage.stage.instructions];
  /** The scope at the end of a stage, and of those below it first. */
  function* scopeOf(index: number): Pieces<StageScope> {
    const chain: OutlinedStage[] = [];
    for (let at: number | undefined = index; at !== undefined && !scopes.has(at);) {
      const stage: OutlinedStage | undefined = stages[at];
      if (stage === undefined) break;
      chain.push(stage);
      at = stage.base.kind === 'stage' ? stage.base.stage : undefined;
    }
    for (const stage of chain.toReversed()) scopes.set(stage.index, yield* readStage(stage, false));
    return scopes.get(index) ?? createStageScope(globals, file.escape);
  }
  const nameIn = (
    scope: StageScope,
    stage: OutlinedStage,
    instruction: StageInstruction,
    word: string,
  ): string => {
    if (!/["'$\\`]/u.test(word)) return word;
    const value = located(file, instruction.range, () => scope.expand(word));
    if (value !== '') return value;
    const advice = 'give the variable a value with ARG, before the first FROM or in this stage';
    throw bad(file, instruction.range, `--from=${word} names nothing in stage ${stage.name}`, advice);
  };
  function* readStage(stage: OutlinedStage, record: boolean): Pieces<StageScope> {
    const { base } = stage;
    const below = base.kind === 'stage' ? (yield* scopeOf(base.stage)).values : undefined;
    const scope = createStageScope(globals, file.escape, below);
    copied += scope.values.size;
    if (copied > MAX_COPIED) throw planErrors.planTooLarge({ limit: MAX_COPIED });
    for (const instruction of everyInstruction(stage)) {
      if (record) {
        const words = fromWords(instruction);
        if (words.length > 0)
          names.set(
            instruction,
            words.map((word) => (word === undefined ? undefined : nameIn(scope, stage, instruction, word))),
          );
      }
      scope.pass(instruction);
      yield;
    }
    return scope;
  }
  /** Most names have no variables: nothing has to be known of the stage then. */
  function* read(stage: OutlinedStage): Pieces<void> {
    const own = everyInstruction(stage).map((instruction) => [instruction, fromWords(instruction)] as const);
    const plain = own.every(([, words]) =>
      words.every((word) => word === undefined || !/["'$\\`]/u.test(word)),
    );
    if (!plain) yield* readStage(stage, true);
    else for (const [instruction, words] of own) if (words.length > 0) names.set(instruction, words);
  }
  return { names, read };
};

/** A stage can only take from stages before it. A mount has no numbers of stages: there they are images. */
const refuseImpossible = (
  file: Dockerfile,
  { index, name: own }: OutlinedStage,
  { kind, range }: StageInstruction,
  name: string,
): void => {
  const isNumber = /^\d+$/u.test(name);
  if (isNumber && kind !== 'copy') return;
  if (isNumber && Number(name) >= file.stages.length)
    throw bad(file, range, `invalid stage index ${name}`, `the last stage is ${file.stages.length - 1}`);
  if (!isLaterStage(file.stages, index, name)) return;
  const problem = `cannot copy from stage "${name}", it needs to be defined before current stage "${own}"`;
  throw bad(file, range, problem, 'move that stage up, or give one of them another name');
};

/** Finds the stages that the target needs, in pieces; everything else is never looked at again. */
export function* outlineOf(input: OutlineInput): Pieces<Outline> {
  const { file, globals } = input;
  const stages: OutlinedStage[] = [];
  const expressionsOf = createExpressions(input);
  const countTriggers = createCounter();
  const countSteps = createCounter();
  for (const [index, stage] of file.stages.entries()) {
    const base = baseOf(file, index, globals);
    const name = stage.from.name?.value ?? String(index);
    const expressions = expressionsOf(index, base);
    countTriggers(expressions.length);
    stages.push({ index, name, stage, base, triggers: yield* parseTriggers(file, stage, expressions) });
    yield;
  }
  const target = findTarget(stages, input.target) ?? unknownTarget(stages, input.target ?? '');
  const needed = new Set<number>();
  const images = new Map<string, SourceRange>();
  const reader = createNameReader(input, stages);
  const waiting = input.all === true ? stages.map(({ index }) => index) : [target.index];
  for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
    const stage = stages[index];
    if (stage === undefined || needed.has(index)) continue;
    needed.add(index);
    countSteps(1 + stage.triggers.length + stage.stage.instructions.length);
    if (stage.base.kind === 'stage') waiting.push(stage.base.stage);
    yield* reader.read(stage);
    for (const instruction of [...stage.triggers, ...stage.stage.instructions]) {
      for (const name of reader.names.get(instruction) ?? []) {
        if (name === undefined) continue;
        refuseImpossible(file, stage, instruction, name);
        const origin = originOf(file.stages, index, name);
        if (origin.kind === 'stage') waiting.push(origin.stage);
        else if (origin.kind === 'image' && name !== 'scratch')
          images.set(origin.reference, instruction.range);
      }
    }
    yield;
  }
  const found = stages.filter(({ index }) => needed.has(index));
  return { stages, target, needed: found, images, fromNames: reader.names };
}

/** `outlineOf` at once. */
export const outline = (file: Dockerfile, globals: GlobalScope, target: string | undefined): Outline =>
  doAll(outlineOf({ file, globals, target }));
