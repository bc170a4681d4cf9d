import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Cli } from './context.ts';
import { cliErrors } from './errors.ts';

/**
 * The bytes of a file, or of stdin for `-` and undefined; `purpose` names in errors what they are wanted for.
 *
 * @throws CLI_FILE_UNREADABLE; CLI_ARGUMENT_INVALID when stdin is a terminal
 */
export const openInput = async (cli: Cli, path: string | undefined, purpose = 'input'): Promise<Readable> => {
  if (path === undefined || path === '-') {
    if (!cli.stdin.isTTY) return cli.stdin;
    throw cliErrors.argumentInvalid({
      problem: `requested ${purpose} from stdin, but stdin is empty`,
      advice: 'name a file, or redirect one into the command',
    });
  }
  try {
    await (await open(path, 'r')).close();
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw cliErrors.fileUnreadable({ path, problem }, error);
  }
  return createReadStream(path, { highWaterMark: 256 * 1024 });
};
