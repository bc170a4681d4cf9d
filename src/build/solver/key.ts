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

const shownOf = (part: KeyPart | undefined): string | undefined => part?.shown ?? part?.value;

const partDifferences = (before: readonly KeyPart[], after: readonly KeyPart[]): readonly KeyDifference[] => {
  const old = new Map(before.map((part) => [partId(part), part]));
  const found = after.flatMap((part): readonly KeyDifference[] => {
    const was = old.get(partId(part));
    old.delete(partId(part));
    return was?.value === part.value
      ? []
      : [{ kind: 'part-changed', part, before: shownOf(was), after: shownOf(part) }];
  });
  const gone = Array.from(old.values(), (part): KeyDifference => ({
    kind: 'part-changed',
    part,
    before: shownOf(part),
    after: undefined,
  }));
  return [...found, ...gone];
};

const inputDifferences = (before: KeyInputs, now: KeyInputs): readonly KeyDifference[] =>
  now.inputs.flatMap(({ step, key }, index): readonly KeyDifference[] => {
    const was = before.inputs[index];
    if (was?.key === key) return [];
    return was === undefined || was.step === step
      ? [{ kind: 'input-changed', step }]
      : [{ kind: 'input-replaced', before: was.step, after: step }];
  });

/** Why a result is not in the cache: what differs from the ingredients of the step's last run. */
export const differencesOf = (previous: StepRecord | undefined, now: KeyInputs): readonly KeyDifference[] => {
  if (previous === undefined) return [{ kind: 'unknown-step' }];
  const before = previous.inputs();
  const all = [...partDifferences(before.parts, now.parts), ...inputDifferences(before, now)];
  return all.length > 0 ? all : [{ kind: 'evicted' }];
};
