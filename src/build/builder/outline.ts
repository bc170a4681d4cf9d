import {
  excerpt,
  expandWord,
  parseRunMount,
  closest,
  type Dockerfile,
  type SourceRange,
  type Stage,
  type StageInstruction,
} from '#dockerfile';
import type { FileOrigin } from '#steps';
import { builderErrors } from './errors.ts';
import type { GlobalScope } from './variables.ts';

/** What a stage starts from. */
type StageBase =
  | { readonly kind: 'scratch' }
  | { readonly kind: 'stage'; readonly stage: number }
  | { readonly kind: 'image'; readonly reference: string; readonly platform: string | undefined };

export interface OutlinedStage {
  readonly index: number;
  /** Its name, or its number. */
  readonly name: string;
  readonly stage: Stage;
  readonly base: StageBase;
}

/** The stages of a file and how they hang together. */
export interface Outline {
  readonly stages: readonly OutlinedStage[];
  readonly target: OutlinedStage;
  /** The stages that the target needs, itself included, in the order of the file. */
  readonly needed: readonly OutlinedStage[];
  /** Images that COPY --from and --mount=from name, and where they do. */
  readonly images: ReadonlyMap<string, SourceRange>;
}

/** File, line and excerpt of a place, as errors want them. */
export const placeOf = (file: Dockerfile, range: SourceRange) => ({
  file: file.name,
  line: range.start.line,
  excerpt: excerpt(file.source, range),
});

const stageNamed = (stages: readonly Stage[], before: number, name: string): number | undefined => {
  const wanted = name.toLowerCase();
  const found = stages.slice(0, before).findLastIndex(({ from }) => from.name?.value === wanted);
  return found < 0 ? undefined : found;
};

const baseOf = (file: Dockerfile, index: number, globals: GlobalScope): StageBase => {
  const { from } = file.stages[index] ?? {};
  if (from === undefined) return { kind: 'scratch' };
  const expand = (word: string): string => expandWord(word, globals.values, { escape: file.escape }).value;
  const reference = expand(from.image.value);
  if (reference === '')
    throw builderErrors.blankBase({ word: from.image.value, ...placeOf(file, from.range) });
  const stage = stageNamed(file.stages, index, reference);
  if (stage !== undefined) return { kind: 'stage', stage };
  if (reference === 'scratch') return { kind: 'scratch' };
  const platform = from.platform === undefined ? undefined : expand(from.platform.value);
  return { kind: 'image', reference, platform: platform === '' ? undefined : platform };
};

/** What `--from` of a stage's instruction names: a stage before it, by name or number, or an image. */
export const originOf = (stages: readonly Stage[], before: number, name: string): FileOrigin => {
  if (/^\d+$/u.test(name) && Number(name) < before) return { kind: 'stage', stage: Number(name) };
  const stage = stageNamed(stages, before, name);
  return stage === undefined ? { kind: 'image', reference: name } : { kind: 'stage', stage };
};

/** Names that an instruction takes files from. */
const originNames = (instruction: StageInstruction, globals: GlobalScope): readonly string[] => {
  const expand = (word: string): string => expandWord(word, globals.values, { keepUnset: true }).value;
  if (instruction.kind === 'copy')
    return instruction.from === undefined ? [] : [expand(instruction.from.value)];
  if (instruction.kind !== 'run') return [];
  return instruction.mounts.flatMap(({ value }) => {
    const from = /(?:^|,)from=([^,]*)/u.exec(value)?.[1];
    const literal = value.includes('$') ? undefined : parseRunMount(value);
    const parsed = literal !== undefined && 'from' in literal ? literal.from : undefined;
    return parsed ?? (from === undefined ? [] : expand(from));
  });
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
  throw builderErrors.unknownTarget({ target, stages: names, nearby: closest(target, names) });
};

/** Finds the stages that the target needs; everything else is never looked at again. */
export const outline = (file: Dockerfile, globals: GlobalScope, wanted: string | undefined): Outline => {
  const stages = file.stages.map((stage, index): OutlinedStage => ({
    index,
    name: stage.from.name?.value ?? String(index),
    stage,
    base: baseOf(file, index, globals),
  }));
  const target = findTarget(stages, wanted) ?? unknownTarget(stages, wanted ?? '');
  const needed = new Set<number>();
  const images = new Map<string, SourceRange>();
  const waiting = [target.index];
  for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
    const stage = stages[index];
    if (stage === undefined || needed.has(index)) continue;
    needed.add(index);
    if (stage.base.kind === 'stage') waiting.push(stage.base.stage);
    for (const instruction of stage.stage.instructions) {
      for (const name of originNames(instruction, globals)) {
        const origin = originOf(file.stages, index, name);
        if (origin.kind === 'stage') waiting.push(origin.stage);
        else if (origin.kind === 'image') images.set(origin.reference, instruction.range);
      }
    }
  }
  return { stages, target, needed: stages.filter(({ index }) => needed.has(index)), images };
};
