/** A step as far as it says which step it is. */
export interface StepText {
  readonly kind: string;
  /** The instruction as the Dockerfile has it. */
  readonly text: string;
}

/** Beyond so many pairs of steps, those that differ are matched in their order. */
const MAX_PAIRS = 40_000;
/** Of an instruction, so many characters are compared word by word. */
const MAX_TEXT = 2000;
const EQUAL = 10;
const MOST_ALIKE = 8;

const wordsOf = (text: string): ReadonlySet<string> => new Set(text.slice(0, MAX_TEXT).split(/\s+/u));

/** How alike two texts are, from 0 to 1: the words that both have. */
const likeness = (a: ReadonlySet<string>, b: ReadonlySet<string>): number => {
  let common = 0;
  for (const word of a) if (b.has(word)) common += 1;
  return (2 * common) / (a.size + b.size);
};

interface Region {
  readonly before: readonly StepText[];
  readonly now: readonly StepText[];
}

/** The matching in order with the greatest likeness in all. */
const matchRegion = ({ before, now }: Region): readonly (number | undefined)[] => {
  const oldWords = before.map(({ text }) => wordsOf(text));
  const newWords = now.map(({ text }) => wordsOf(text));
  const score = (i: number, j: number): number => {
    if (before[i]?.kind !== now[j]?.kind) return 0;
    if (before[i]?.text === now[j]?.text) return EQUAL;
    return 1 + MOST_ALIKE * likeness(oldWords[i] ?? new Set(), newWords[j] ?? new Set());
  };
  const width = now.length + 1;
  const best = new Float64Array((before.length + 1) * width);
  const scores = new Float64Array(before.length * width);
  const at = (i: number, j: number): number => best[i * width + j] ?? 0;
  for (let i = before.length - 1; i >= 0; i -= 1)
    for (let j = now.length - 1; j >= 0; j -= 1) {
      const own = score(i, j);
      scores[i * width + j] = own;
      const matched = own === 0 ? 0 : own + at(i + 1, j + 1);
      best[i * width + j] = Math.max(matched, at(i + 1, j), at(i, j + 1));
    }
  const found: (number | undefined)[] = now.map(() => undefined);
  for (let i = 0, j = 0; i < before.length && j < now.length;) {
    const own = scores[i * width + j] ?? 0;
    if (own > 0 && at(i, j) === own + at(i + 1, j + 1)) found[j++] = i++;
    else if (at(i, j) === at(i + 1, j)) i += 1;
    else j += 1;
  }
  return found;
};

/** For very many steps: equal texts first, then kind by kind in their order. */
const matchInOrder = ({ before, now }: Region): readonly (number | undefined)[] => {
  const found: (number | undefined)[] = now.map(() => undefined);
  const taken = new Set<number>();
  for (const keyOf of [({ kind, text }: StepText) => `${kind} ${text}`, ({ kind }: StepText) => kind]) {
    const waiting = new Map<string, number[]>();
    for (const [index, step] of before.entries()) {
      if (taken.has(index)) continue;
      const list = waiting.get(keyOf(step)) ?? [];
      waiting.set(keyOf(step), list);
      list.push(index);
    }
    for (const list of waiting.values()) list.reverse();
    for (const [index, step] of now.entries()) {
      const match = found[index] === undefined ? waiting.get(keyOf(step))?.pop() : undefined;
      if (match === undefined) continue;
      found[index] = match;
      taken.add(match);
    }
  }
  return found;
};

/** Steps that were moved: equal ones that are left over on both sides. */
const addMoved = (found: (number | undefined)[], { before, now }: Region): void => {
  const taken = new Set(found);
  const left = new Map<string, number[]>();
  for (const [index, { kind, text }] of before.entries()) {
    if (taken.has(index)) continue;
    const id = `${kind} ${text}`;
    const list = left.get(id) ?? [];
    left.set(id, list);
    list.push(index);
  }
  if (left.size === 0) return;
  for (const list of left.values()) list.reverse();
  for (const [index, { kind, text }] of now.entries())
    if (found[index] === undefined) found[index] = left.get(`${kind} ${text}`)?.pop();
};

/**
 * Which step of the last build each step is, by its index there; undefined for a new one. Steps that were inserted,
 * removed, changed or moved do not make others look changed.
 */
export const alignSteps = (
  before: readonly StepText[],
  now: readonly StepText[],
): readonly (number | undefined)[] => {
  const same = (i: number, j: number): boolean =>
    before[i]?.kind === now[j]?.kind && before[i]?.text === now[j]?.text;
  const shorter = Math.min(before.length, now.length);
  let head = 0;
  while (head < shorter && same(head, head)) head += 1;
  let tail = 0;
  while (tail < shorter - head && same(before.length - 1 - tail, now.length - 1 - tail)) tail += 1;
  const region = {
    before: before.slice(head, before.length - tail),
    now: now.slice(head, now.length - tail),
  };
  const few = region.before.length * region.now.length <= MAX_PAIRS;
  const inside = few ? matchRegion(region) : matchInOrder(region);
  const shift = before.length - now.length;
  const found = now.map((_, index) => {
    if (index < head) return index;
    if (index >= now.length - tail) return index + shift;
    const match = inside[index - head];
    return match === undefined ? undefined : match + head;
  });
  addMoved(found, { before, now });
  return found;
};
