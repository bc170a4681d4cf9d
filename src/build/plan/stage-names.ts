import type { Stage } from '#dockerfile';
import type { FileOrigin } from '#steps';

/** Indices of the stages of each name, in the order of the file. */
type StageIndex = ReadonlyMap<string, readonly number[]>;

const indices = new WeakMap<readonly Stage[], StageIndex>();

const indexOf = (stages: readonly Stage[]): StageIndex => {
  const known = indices.get(stages);
  if (known !== undefined) return known;
  const made = new Map<string, number[]>();
  for (const [index, { from }] of stages.entries()) {
    const name = from.name?.value;
    if (name === undefined) continue;
    const list = made.get(name);
    if (list === undefined) made.set(name, [index]);
    else list.push(index);
  }
  indices.set(stages, made);
  return made;
};

/** The last of `list`, which grow, that is less than `before`. */
const lastBefore = (list: readonly number[], before: number): number | undefined => {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] ?? before) < before) low = middle + 1;
    else high = middle;
  }
  return list[low - 1];
};

/** The last stage of that name before `before`. */
export const stageNamed = (stages: readonly Stage[], before: number, name: string): number | undefined =>
  lastBefore(indexOf(stages).get(name.toLowerCase()) ?? [], before);

/** Whether a name or number is that of a stage at `from` or after it, which nothing before can use. */
export const isLaterStage = (stages: readonly Stage[], from: number, name: string): boolean => {
  if (/^\d+$/u.test(name)) return Number(name) >= from && Number(name) < stages.length;
  return (indexOf(stages).get(name.toLowerCase())?.at(-1) ?? -1) >= from;
};

export const stageNames = (stages: readonly Stage[]): readonly string[] => [...indexOf(stages).keys()];

/** What `--from` of a stage's instruction names: a stage before it, by name or number, or an image. */
export const originOf = (stages: readonly Stage[], before: number, name: string): FileOrigin => {
  if (/^\d+$/u.test(name) && Number(name) < before) return { kind: 'stage', stage: Number(name) };
  const stage = stageNamed(stages, before, name);
  return stage === undefined ? { kind: 'image', reference: name } : { kind: 'stage', stage };
};
