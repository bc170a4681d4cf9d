import type { KeyDifference } from '#solver';
import type { FileChange, MissReason } from './types.ts';

type PartChanged = KeyDifference & { readonly kind: 'part-changed' };

const parsed = (value: string | undefined): unknown => {
  try {
    return value === undefined ? undefined : (JSON.parse(value) as unknown);
  } catch {
    return undefined;
  }
};

/** Instruction parts are kept as JSON; people read words. */
const shown = (value: string | undefined): string => {
  if (value === undefined) return '';
  const words = parsed(value);
  return Array.isArray(words)
    ? words
        .flat(2)
        .filter((word) => word !== '')
        .join(' ')
    : value;
};

interface FileFacts {
  readonly kind: string;
  readonly mode: string;
  readonly owner: string;
  readonly attributes: string;
  readonly content: string;
}

const ATTRIBUTES = /^[0-9a-f]{64} /u;

/** The value of a file part: kind, mode, owner, attributes where there are any, content or target. */
const fileFacts = (value: string): FileFacts => {
  const [kind = '', mode = '', owner = '', ...rest] = value.split(' ');
  const tail = rest.join(' ');
  const attributes = ATTRIBUTES.exec(tail)?.[0] ?? '';
  return { kind, mode, owner, attributes, content: tail.slice(attributes.length) };
};

const KINDS: Readonly<Record<string, string>> = {
  d: 'directory',
  f: 'file',
  h: 'hard link',
  l: 'link',
  s: 'special file',
};
const kindName = (letter: string): string => KINDS[letter.slice(0, 1)] ?? letter;

const fileReasons = ({ part, before, after }: PartChanged): readonly MissReason[] => {
  const path = part.name;
  const changed = (change: FileChange, was?: string, is?: string): MissReason => ({
    kind: 'file-changed',
    path,
    change,
    ...(was === undefined ? {} : { before: was, after: is }),
  });
  if (before === undefined) return [changed('added')];
  if (after === undefined) return [changed('removed')];
  if (path.startsWith('<<')) return [changed('content')];
  const [was, is] = [fileFacts(before), fileFacts(after)];
  if (was.kind !== is.kind) return [changed('kind', kindName(was.kind), kindName(is.kind))];
  const linked = was.kind === 'l';
  return [
    ...(was.content === is.content
      ? []
      : [linked ? changed('content', was.content, is.content) : changed('content')]),
    ...(was.mode === is.mode ? [] : [changed('mode', was.mode, is.mode)]),
    ...(was.owner === is.owner ? [] : [changed('owner', was.owner, is.owner)]),
    ...(was.attributes === is.attributes ? [] : [changed('attributes')]),
  ];
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const textOf = (value: unknown): string => {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
};

/** Several settings in one part are told one by one. */
const settingReasons = ({ part, before, after }: PartChanged): readonly MissReason[] => {
  const [was, is] = [parsed(before), parsed(after)];
  if (isRecord(was) && isRecord(is)) {
    const names = [...new Set([...Object.keys(was), ...Object.keys(is)])];
    return names.flatMap((each): readonly MissReason[] => {
      const [old, now] = [textOf(was[each]), textOf(is[each])];
      const name = part.name === 'flags' ? each : `${part.name} ${each}`;
      return old === now ? [] : [{ kind: 'setting-changed', name, before: old, after: now }];
    });
  }
  return [{ kind: 'setting-changed', name: part.name, before: before ?? '', after: after ?? '' }];
};

const partReasons = (difference: PartChanged): readonly MissReason[] => {
  const { part, before, after } = difference;
  if (part.kind === 'file') return fileReasons(difference);
  if (part.kind === 'variable') return [{ kind: 'variable-changed', name: part.name, before, after }];
  if (part.kind === 'base') return [{ kind: 'base-changed', before: before ?? '', after: after ?? '' }];
  if (part.kind === 'instruction')
    return [{ kind: 'instruction-changed', before: shown(before), after: shown(after) }];
  return settingReasons(difference);
};

/** How the steps of a build are called. */
export interface StepNames {
  /** Progress name of a step, by its identity. */
  nameOf(identity: string): string;
  /** Whether this is where a stage starts: what stands on it is told that the base changed. */
  isStart(identity: string): boolean;
  /** Whether the last build of the same Dockerfile is known. */
  readonly hasTrace: boolean;
}

/** Reasons in words of a build. */
export const toReasons = (differences: readonly KeyDifference[], names: StepNames): readonly MissReason[] => {
  const replaced = differences.some(({ kind }) => kind === 'input-replaced');
  return differences.flatMap((difference): readonly MissReason[] => {
    switch (difference.kind) {
      case 'unknown-step':
        return [{ kind: names.hasTrace ? 'new-step' : 'first-build' }];
      case 'ignored-cache':
        return [{ kind: 'no-cache' }];
      case 'part-changed': {
        // A step that came to the start of its stage, or left it: that is what is told.
        const oneSided = difference.before === undefined || difference.after === undefined;
        return difference.part.kind === 'base' && replaced && oneSided ? [] : partReasons(difference);
      }
      case 'input-changed':
        return names.isStart(difference.step)
          ? []
          : [{ kind: 'earlier-step', step: names.nameOf(difference.step) }];
      case 'input-replaced': {
        const { before, after } = difference;
        return [{ kind: 'order-changed', before: names.nameOf(before), after: names.nameOf(after) }];
      }
      case 'evicted':
        return [{ kind: 'evicted' }];
      default:
        return difference satisfies never;
    }
  });
};
