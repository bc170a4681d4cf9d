import { isLadeError, toLadeError } from '#errors';
import { consoleErrors } from '#console';
import type { Cli } from './context.ts';

const FLAG_ERRORS = [
  consoleErrors.flagUnknown,
  consoleErrors.shorthandUnknown,
  consoleErrors.flagValueMissing,
  consoleErrors.flagValueInvalid,
];

/** Docker's exit code of a flag that makes no sense. */
export const FLAG_ERROR_CODE = 125;

export const isFlagError = (error: unknown): boolean => FLAG_ERRORS.some((factory) => factory.is(error));

/** `lade: message` and, on its own line, what to do next. */
export const errorText = (thrown: unknown): string => {
  const error = toLadeError(thrown);
  const hint = error.hint === undefined || error.hint === '' ? '' : `\n${error.hint}`;
  return `lade: ${error.message}${hint}\n`;
};

/** Prints an error. What ^C gave up needs no words. */
export const report = (cli: Pick<Cli, 'stderr'>, thrown: unknown): void => {
  if (isLadeError(thrown, 'cancelled') && process.exitCode !== undefined) return;
  cli.stderr.write(errorText(thrown));
};
