import type { Cli } from './context.ts';
import { report } from './report.ts';

/**
 * Does the same for every name, one after another, and prints each name that succeeded; an error does not stop the
 * rest. Returns the exit code.
 */
export const forEachName = async (
  cli: Cli,
  names: readonly string[],
  act: (name: string) => Promise<unknown>,
): Promise<number> => {
  let code = 0;
  for (const name of names) {
    try {
      await act(name);
      cli.out(`${name}\n`);
    } catch (error) {
      report(cli, error);
      code = 1;
    }
  }
  return code;
};
