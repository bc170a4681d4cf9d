import type { SourceRange } from './types.ts';

/** A fault of one instruction; `parseDockerfile` turns it into an error with file, line and excerpt. */
export class InstructionFault extends Error {
  readonly range: SourceRange | undefined;
  readonly advice: string | undefined;

  constructor(problem: string, range?: SourceRange, advice?: string) {
    super(problem);
    this.range = range;
    this.advice = advice;
  }
}
