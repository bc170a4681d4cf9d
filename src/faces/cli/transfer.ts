import type { ProgressLine } from '#api';
import type { ClientRequest } from '#client';
import { createTransferProgress } from '#console';
import type { Cli } from './context.ts';
import { cliErrors } from './errors.ts';

/** Thrown for an error line; `code` is the exit code that the daemon names. */
const throwLine = (line: ProgressLine): void => {
  const message = line.errorDetail?.message ?? line.error;
  if (message === undefined) return;
  const { hint = '', code: exitCode } = line.errorDetail ?? {};
  throw cliErrors.work({ message, advice: hint, exitCode });
};

export interface TransferOptions {
  /** Show nothing. */
  readonly quiet?: boolean;
  /** Called for each line's `aux` value. */
  readonly onAux?: (aux: unknown) => void;
  /** Where progress goes; stdout unless named. */
  readonly output?: NodeJS.WriteStream;
}

/**
 * Runs a call that answers with progress lines, and shows them.
 *
 * @throws CLI_WORK with the daemon's message when a line is an error
 */
export const transfer = async (
  cli: Cli,
  request: ClientRequest,
  options: TransferOptions = {},
): Promise<void> => {
  const client = await cli.client();
  const output = options.output ?? cli.stdout;
  const progress = createTransferProgress({
    write: (text) => void output.write(text),
    live: output.isTTY,
    columns: () => output.columns || 80,
  });
  const signal = request.signal ?? cli.signal;
  for await (const line of client.lines<ProgressLine>({ ...request, signal })) {
    throwLine(line);
    if (line.aux !== undefined) options.onAux?.(line.aux);
    else if (options.quiet !== true) progress.show(line);
  }
};
