import { parseFlags } from '#console';
import type { Command } from './command.ts';
import type { Cli } from './context.ts';
import { cliErrors } from './errors.ts';
import { FLAG_ERROR_CODE, isFlagError, report } from './report.ts';

const argumentWord = (count: number): string => `${count} argument${count === 1 ? '' : 's'}`;

/** Docker's sentence for a wrong number of arguments, or undefined when it is right. */
const countProblem = ([min, max]: readonly [number, number], count: number): string | undefined => {
  if (count >= min && count <= max) return undefined;
  if (max === 0) return 'accepts no arguments';
  if (min === max) return `requires ${argumentWord(min)}`;
  return count < min ? `requires at least ${argumentWord(min)}` : `requires at most ${argumentWord(max)}`;
};

const run = async (cli: Cli, command: Command, argv: readonly string[]): Promise<number> => {
  const name = `lade ${command.name}`;
  const parsed = parseFlags(command.flags, argv, { command: name, interspersed: command.interspersed });
  if (parsed.help) {
    const { helpOf } = await import('./command-help.ts');
    cli.out(helpOf(command, cli.stdout.columns));
    return 0;
  }
  const wanted = countProblem(command.args, parsed.args.length);
  if (wanted !== undefined) throw cliErrors.argumentCount({ command: name, wanted });
  return (await command.run(cli, parsed)) ?? 0;
};

const codeOf = (command: Command, error: unknown): number => {
  if (typeof process.exitCode === 'number' && process.exitCode !== 0) return process.exitCode;
  if (isFlagError(error)) return FLAG_ERROR_CODE;
  if (cliErrors.argumentCount.is(error)) return 1;
  return command.exitCodeOf?.(error) ?? 1;
};

/** Runs one verb with its own arguments; reports what it throws. */
export const execute = async (cli: Cli, command: Command, argv: readonly string[]): Promise<number> => {
  try {
    return await run(cli, command, argv);
  } catch (error) {
    report(cli, error);
    return codeOf(command, error);
  }
};
