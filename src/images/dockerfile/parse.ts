import { isLadeError } from '#errors';
import { isWanted, parseCheckOptions } from './check-options.ts';
import { checkText } from './checks.ts';
import { detectChecks } from './directives.ts';
import { dockerfileErrors } from './errors.ts';
import { InstructionFault } from './faults.ts';
import { isInstruction, readInstruction } from './instructions.ts';
import { excerpt, hasMoreLines, tooLongLine } from './source-text.ts';
import { doAll, doInSlices, type Pieces } from './slices.ts';
import { INSTRUCTIONS, parseStatements, statementsOf } from './statements.ts';
import { didYouMean } from './suggest.ts';
import type {
  ArgInstruction,
  Dockerfile,
  FromInstruction,
  Instruction,
  SourceRange,
  StageInstruction,
  Statement,
} from './types.ts';

export interface ParseOptions {
  /** What errors call the file (default `Dockerfile`). */
  readonly name?: string | undefined;
  /** Instead of the file's directive `check`: the build argument BUILDKIT_DOCKERFILE_CHECK. */
  readonly check?: string | undefined;
}

/** So much of a word an error repeats. */
const LONGEST_SHOWN = 60;

/** Makes errors that carry file, line and excerpt. */
const createFailure = (source: string, file: string) => {
  const place = (range: SourceRange, problem: string, advice?: string) => ({
    problem,
    file,
    line: range.start.line,
    excerpt: excerpt(source, range),
    advice,
  });
  const unknown = (statement: Statement): never => {
    const keyword = statement.keyword.toUpperCase().slice(0, LONGEST_SHOWN);
    const advice = didYouMean(keyword, INSTRUCTIONS);
    const problem = `unknown instruction: ${keyword}${advice === undefined ? '' : ` (${advice})`}`;
    throw dockerfileErrors.unknownInstruction(place(statement.range, problem, advice));
  };
  const fault = (statement: Statement, error: unknown): never => {
    if (error instanceof InstructionFault) {
      const advice = error.advice;
      const problem = advice === undefined ? error.message : `${error.message} (${advice})`;
      throw dockerfileErrors.syntax(place(error.range ?? statement.range, problem, advice), error);
    }
    if (isLadeError(error)) {
      throw dockerfileErrors.syntax(place(statement.range, error.message, error.hint), error);
    }
    throw error;
  };
  return { unknown, fault };
};

const innermost = (statement: Statement): Statement => statement.child ?? statement;

function* instructionsOf(
  statements: readonly Statement[],
  source: string,
  file: string,
): Pieces<readonly Instruction[]> {
  const failure = createFailure(source, file);
  const instructions: Instruction[] = [];
  for (const statement of statements) {
    for (const one of [statement, innermost(statement)])
      if (!isInstruction(one.keyword)) failure.unknown(one);
    try {
      instructions.push(readInstruction(statement));
    } catch (error) {
      failure.fault(statement, error);
    }
    yield;
  }
  return instructions;
}

interface MutableStage {
  readonly from: FromInstruction;
  readonly instructions: StageInstruction[];
}

const toStages = (instructions: readonly Instruction[], file: string, source: string) => {
  const globalArgs: ArgInstruction[] = [];
  const stages: MutableStage[] = [];
  for (const instruction of instructions) {
    const stage = stages.at(-1);
    if (instruction.kind === 'from') stages.push({ from: instruction, instructions: [] });
    else if (stage !== undefined) stage.instructions.push(instruction);
    else if (instruction.kind === 'arg') globalArgs.push(instruction);
    else {
      throw dockerfileErrors.syntax({
        problem: `no build stage in current context: ${instruction.kind.toUpperCase()} stands before FROM`,
        file,
        line: instruction.range.start.line,
        excerpt: excerpt(source, instruction.range),
        advice: 'begin the Dockerfile with FROM',
      });
    }
  }
  if (stages.length === 0) throw dockerfileErrors.noStage({ file });
  return { globalArgs, stages };
};

/** Longest Dockerfile; what does not fit is better copied from a file. */
const MAX_SOURCE = 16 << 20;
/** Each takes its time, even when there is nothing in it. */
const MAX_LINES = 2_500_000;

function* dockerfileOf(source: string, options: ParseOptions): Pieces<Dockerfile> {
  const name = options.name ?? 'Dockerfile';
  if (source.length > MAX_SOURCE)
    throw dockerfileErrors.tooLarge({ file: name, size: source.length, limit: MAX_SOURCE });
  if (hasMoreLines(source, MAX_LINES)) throw dockerfileErrors.tooManyLines({ file: name, limit: MAX_LINES });
  const line = tooLongLine(source);
  if (line !== undefined) throw dockerfileErrors.lineTooLong({ file: name, line });
  yield;
  const written = options.check ?? '';
  const checks = parseCheckOptions(written === '' ? detectChecks(source) : written);
  const { directives, escape, statements, findings } = yield* statementsOf(source, name);
  const instructions = yield* instructionsOf(statements, source, name);
  const { globalArgs, stages } = toStages(instructions, name, source);
  yield;
  const checked = yield* checkText({ statements, instructions, stages, options: checks });
  const wanted = findings.filter((finding) => isWanted(finding, checks));
  return { name, source, directives, escape, globalArgs, stages, checks, findings: wanted.concat(checked) };
}

/**
 * Parses a Dockerfile: syntax, instructions, flags, stages.
 *
 * @throws `invalid-argument` errors that carry file, line, excerpt and, where something near exists, "did you mean".
 */
export const parseDockerfile = (source: string, options: ParseOptions = {}): Dockerfile =>
  doAll(dockerfileOf(source, options));

/** `parseDockerfile` that lets other work have the thread every few milliseconds, however long the file is. */
export const parseDockerfileInSlices = (
  source: string,
  options: ParseOptions & { readonly signal?: AbortSignal | undefined } = {},
): Promise<Dockerfile> => doInSlices(dockerfileOf(source, options), options.signal);

/**
 * Parses the instruction that an image's ONBUILD entry holds.
 *
 * @throws as `parseDockerfile`
 */
export const parseTrigger = (expression: string): StageInstruction => {
  const { statements } = parseStatements(expression, 'ONBUILD');
  const instructions = doAll(instructionsOf(statements, expression, 'ONBUILD'));
  const [instruction] = instructions;
  if (instruction === undefined || instructions.length > 1 || instruction.kind === 'from')
    throw dockerfileErrors.trigger({ expression });
  return instruction;
};
