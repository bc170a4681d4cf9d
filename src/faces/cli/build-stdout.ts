import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { BuildOptions } from './build-options.ts';
import type { Cli } from './context.ts';
import { cliErrors } from './errors.ts';

/** An order whose output goes to stdout by way of a file that the daemon writes. */
interface Redirected extends AsyncDisposable {
  readonly options: BuildOptions;
  /** Copies what was built to stdout. */
  finish(): Promise<void>;
}

/**
 * Gives the output whose destination is `-` a file of its own, which is removed at the end.
 *
 * @throws CLI_ARGUMENT_INVALID when stdout is a terminal
 */
export const redirectStdout = async (cli: Cli, options: BuildOptions): Promise<Redirected> => {
  const outputs = options.order.outputs ?? [];
  const toStdout = outputs.some((output) => 'destination' in output && output.destination === '-');
  if (!toStdout)
    return { options, finish: () => Promise.resolve(), [Symbol.asyncDispose]: () => Promise.resolve() };
  if (cli.stdout.isTTY)
    throw cliErrors.argumentInvalid({
      problem: 'the output is an archive, which is not written to a terminal',
      advice: 'add dest=FILE, or redirect stdout',
    });
  const folder = await mkdtemp(join(tmpdir(), 'lade-output-'));
  const path = join(folder, 'output.tar');
  const redirected = outputs.map((output) =>
    'destination' in output && output.destination === '-' ? { ...output, destination: path } : output,
  );
  return {
    options: { ...options, order: { ...options.order, outputs: redirected } },
    finish: () => pipeline(createReadStream(path), cli.stdout, { end: false }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
};
