import { expandWord, type StageInstruction, type Word } from '#dockerfile';
import { givenValue, type GlobalScope } from './variables.ts';

/**
 * What the variables of a stage are worth before its base image is known: global ones, and those that the stage and
 * the stages below it set so far. It answers which stages and images `--from=` names.
 */
export interface StageScope {
  readonly values: Map<string, string>;
  /** Goes past an instruction. */
  readonly pass: (instruction: StageInstruction) => void;
  readonly expand: (word: string) => string;
}

/** A scope at the start of a stage; `below` is that at the end of the stage it stands on. */
export const createStageScope = (
  globals: GlobalScope,
  escape: '\\' | '`',
  below?: ReadonlyMap<string, string>,
): StageScope => {
  const values = new Map<string, string>([...globals.values, ...(below ?? [])]);
  /** Undefined where a word cannot be read yet; planning, which knows more, tells of real faults. */
  const attempt = (word: Word): string | undefined => {
    try {
      return expandWord(word.value, values, { escape }).value;
    } catch {
      return undefined;
    }
  };
  const set = (name: string | undefined, value: string | undefined): void => {
    if (name !== undefined && value !== undefined) values.set(name, value);
  };
  return {
    values,
    pass: (instruction) => {
      if (instruction.kind === 'arg') {
        for (const { name, value } of instruction.args) {
          const otherwise = value === undefined ? globals.values.get(name.value) : attempt(value);
          set(name.value, givenValue(globals.buildArgs, name.value) ?? otherwise);
        }
      } else if (instruction.kind === 'env') {
        const added = instruction.pairs.map(({ key, value }) => [attempt(key), attempt(value)] as const);
        for (const [name, value] of added) set(name, value);
      }
    },
    expand: (word) => expandWord(word, values, { escape }).value,
  };
};
