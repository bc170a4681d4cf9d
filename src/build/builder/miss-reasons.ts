import type { KeyDifference } from '#solver';
import type { MissReason } from './types.ts';

/** Instruction parts are kept as JSON; people read words. */
const shown = (value: string | undefined): string => {
  if (value === undefined) return '';
  try {
    const parsed: unknown = JSON.parse(value);
    return Array.isArray(parsed)
      ? parsed
          .flat(2)
          .filter((word) => word !== '')
          .join(' ')
      : value;
  } catch {
    return value;
  }
};

type PartChanged = KeyDifference & { readonly kind: 'part-changed' };

/** Content comes last in the value of a file part; what stands before it is metadata. */
const contentOf = (value: string): string => value.slice(value.lastIndexOf(' ') + 1);

const fileReason = ({ part, before, after }: PartChanged): MissReason => {
  const path = part.name;
  if (before === undefined) return { kind: 'file-changed', path, change: 'added' };
  if (after === undefined) return { kind: 'file-changed', path, change: 'removed' };
  const change = contentOf(before) === contentOf(after) ? 'metadata' : 'modified';
  return { kind: 'file-changed', path, change };
};

const partReason = (difference: PartChanged): MissReason => {
  const { part, before, after } = difference;
  if (part.kind === 'file') return fileReason(difference);
  if (part.kind === 'variable') return { kind: 'variable-changed', name: part.name, before, after };
  if (part.kind === 'base') return { kind: 'base-changed', before: before ?? '', after: after ?? '' };
  if (part.kind === 'instruction') {
    return { kind: 'instruction-changed', before: shown(before), after: shown(after) };
  }
  return { kind: 'setting-changed', name: part.name, before: before ?? '', after: after ?? '' };
};

/** Reasons in words of a build; `nameOf` gives the progress name of a step's identity. */
export const toReasons = (
  differences: readonly KeyDifference[],
  nameOf: (identity: string) => string,
): readonly MissReason[] =>
  differences.map((difference): MissReason => {
    switch (difference.kind) {
      case 'unknown-step':
        return { kind: 'first-build' };
      case 'ignored-cache':
        return { kind: 'no-cache' };
      case 'part-changed':
        return partReason(difference);
      case 'input-changed':
        return { kind: 'earlier-step', step: nameOf(difference.step) };
      case 'evicted':
        return { kind: 'evicted' };
      default:
        return difference satisfies never;
    }
  });
