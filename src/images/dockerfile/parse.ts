import { isLadeError } from '#errors';
import { checkDockerfile } from './checks.ts';
import { dockerfileErrors } from './errors.ts';
import { InstructionFault } from './faults.ts';
import { isInstruction, readInstruction } from './instructions.ts';
import { excerpt, tooLongLine } from './source-text.ts';
import { INSTRUCTIONS, parseStatements } from './statements.ts';
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
}

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
    const keyword = statement.keyword.toUpperCase();
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

const readInstructions = (statements: readonly Statement[], source: string, file: string) => {
  const failure = createFailure(source, file);
  return statements.map((statement): Instruction => {
    for (const one of [statement, innermost(statement)])
      if (!isInstruction(one.keyword)) failure.unknown(one);
    try {
      return readInstruction(statement);
    } catch (error) {
      return failure.fault(statement, error);
    }
  });
};

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

/**
 * Parses a Dockerfile: syntax, instructions, flags, stages.
 *
 * @throws `invalid-argument` errors that carry file, line, excerpt and, where something near exists, "did you mean".
 */
export const parseDockerfile = (source: string, options: ParseOptions = {}): Dockerfile => {
  const name = options.name ?? 'Dockerfile';
  const line = tooLongLine(source);
  if (line !== undefined) throw dockerfileErrors.lineTooLong({ file: name, line });
  const { directives, escape, statements, findings } = parseStatements(source, name);
  const instructions = readInstructions(statements, source, name);
  const { globalArgs, stages } = toStages(instructions, name, source);
  const checked = checkDockerfile({ globalArgs, stages, statements, directives });
  return { name, source, directives, escape, globalArgs, stages, findings: [...findings, ...checked] };
};

/**
 * Parses the instruction that an image's ONBUILD entry holds.
 *
 * @throws as `parseDockerfile`
 */
export const parseTrigger = (expression: string): StageInstruction => {
  const { statements } = parseStatements(expression, 'ONBUILD');
  const [instruction] = readInstructions(statements, expression, 'ONBUILD');
  if (instruction === undefined || instruction.kind === 'from')
    throw dockerfileErrors.empty({ file: 'ONBUILD' });
  return instruction;
};
