import { createHash } from 'node:crypto';
import type { KeyDifference, KeyInputs, KeyPart, StepRecord } from './types.ts';

/** The key of ingredients: equal ingredients, in the same order, give an equal key. */
export const keyOf = (inputs: KeyInputs): string => {
  const text = JSON.stringify([
    inputs.parts.map(({ kind, name, value }) => [kind, name, value]),
    inputs.inputs.map(({ key }) => key),
  ]);
  return createHash('sha256').update(text).digest('hex');
};

const partId = ({ kind, name }: KeyPart): string => `${kind}\0${name}`;

const partDifferences = (before: readonly KeyPart[], after: readonly KeyPart[]): readonly KeyDifference[] => {
  const old = new Map(before.map((part) => [partId(part), part]));
  const found = after.flatMap((part): readonly KeyDifference[] => {
    const was = old.get(partId(part))?.value;
    old.delete(partId(part));
    return was === part.value ? [] : [{ kind: 'part-changed', part, before: was, after: part.value }];
  });
  const gone = Array.from(old.values(), (part): KeyDifference => ({
    kind: 'part-changed',
    part,
    before: part.value,
    after: undefined,
  }));
  return [...found, ...gone];
};

/** Why a result is not in the cache: what differs from the ingredients of the step's last run. */
export const differencesOf = (previous: StepRecord | undefined, now: KeyInputs): readonly KeyDifference[] => {
  if (previous === undefined) return [{ kind: 'unknown-step' }];
  const before = previous.inputs();
  const parts = partDifferences(before.parts, now.parts);
  const inputs = now.inputs.flatMap(({ step, key }, index): readonly KeyDifference[] =>
    before.inputs[index]?.key === key ? [] : [{ kind: 'input-changed', step }],
  );
  const all = [...parts, ...inputs];
  return all.length > 0 ? all : [{ kind: 'evicted' }];
};
