import { isWanted, withComments } from './check-options.ts';
import { findingOf } from './check-rules.ts';
import type { Pieces } from './slices.ts';
import type { CheckFinding, CheckOptions, FromInstruction, Instruction, Stage, Statement } from './types.ts';

interface Checked {
  readonly statements: readonly Statement[];
  readonly instructions: readonly Instruction[];
  readonly stages: readonly Stage[];
  readonly options: CheckOptions;
}

const isLower = (text: string): boolean => text === text.toLowerCase();
const isUpper = (text: string): boolean => text === text.toUpperCase();

/** `FROM … as name`: how the name and the word before it are written. */
const fromCasing = (statement: Statement): readonly CheckFinding[] => {
  const [, as, name] = statement.args;
  if (as === undefined || name === undefined || statement.args.length !== 3) return [];
  const { writtenKeyword: from, range } = statement;
  const lower = isLower(name.value) ? [] : [findingOf('StageNameCasing', range, name.value)];
  // How FROM itself is written is the matter of another check.
  if (!isLower(from) && !isUpper(from)) return lower;
  const matches = isLower(from) ? isLower(as.value) : isUpper(as.value);
  return matches ? lower : [...lower, findingOf('FromAsCasing', range, as.value, from)];
};

/** The comment before ARG or FROM, when there is one, describes what is defined. */
const description = (
  statement: Statement,
  keyword: 'ARG' | 'FROM',
  names: readonly string[],
): readonly CheckFinding[] => {
  const comment = statement.comments.at(-1);
  const [first] = names;
  if (comment === undefined || first === undefined || names.includes(comment.split(' ', 1)[0] ?? ''))
    return [];
  const example = names.length > 1 ? '<arg_key>' : first;
  return [findingOf('InvalidDefinitionDescription', statement.range, keyword, example)];
};

/** Checks that need nothing but the instruction. */
const checkOne = (statement: Statement, instruction: Instruction): readonly CheckFinding[] => {
  if (instruction.kind === 'maintainer') return [findingOf('MaintainerDeprecated', statement.range)];
  if (instruction.kind === 'from') {
    const names = instruction.name === undefined ? [] : [instruction.name.value];
    return [...fromCasing(statement), ...description(statement, 'FROM', names)];
  }
  if (instruction.kind !== 'arg') return [];
  const names = instruction.args.map(({ name }) => name.value);
  return description(statement, 'ARG', names);
};

const RESERVED: ReadonlySet<string> = new Set(['context', 'scratch']);

const checkStageNames = (stages: readonly Stage[]): readonly CheckFinding[] => {
  const seen = new Set<string>();
  return stages.flatMap(({ from }: { readonly from: FromInstruction }) => {
    const name = from.name?.value;
    if (name === undefined) return [];
    const found = [
      ...(RESERVED.has(name) ? [findingOf('ReservedStageName', from.range, name)] : []),
      ...(seen.has(name) ? [findingOf('DuplicateStageName', from.range, name)] : []),
    ];
    seen.add(name);
    return found;
  });
};

/** Global ARG lines do not count. */
const checkCasing = (stages: readonly Stage[]): readonly CheckFinding[] => {
  const all = stages.flatMap(({ from, instructions }) => [from, ...instructions]);
  const lower = all.filter(({ keyword }) => isLower(keyword)).length;
  const upper = all.filter(({ keyword }) => isUpper(keyword)).length;
  const isRight = lower > upper ? isLower : isUpper;
  const casing = lower > upper ? 'lowercase' : 'uppercase';
  return all
    .filter(({ keyword }) => !isRight(keyword))
    .map(({ keyword, range }) => findingOf('ConsistentInstructionCasing', range, keyword, casing));
};

/** What the text alone shows, in pieces: what checks of variables, files and images find comes with the plan. */
export function* checkText(file: Checked): Pieces<readonly CheckFinding[]> {
  const { statements, instructions, stages, options } = file;
  const found: CheckFinding[] = [];
  for (const [index, statement] of statements.entries()) {
    const instruction = instructions[index];
    if (instruction === undefined) break;
    const own = checkOne(statement, instruction);
    if (own.length > 0) {
      const wanted = withComments(options, statement.comments);
      found.push(...own.filter((finding) => isWanted(finding, wanted)));
    }
    yield;
  }
  const names = checkStageNames(stages).filter((finding) => isWanted(finding, options));
  yield;
  const casing = checkCasing(stages).filter((finding) => isWanted(finding, options));
  yield;
  return found.concat(names, casing);
}
