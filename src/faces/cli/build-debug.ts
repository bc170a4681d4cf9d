import { randomBytes } from 'node:crypto';
import type { ShellExitAnswer } from '#api';
import { readDockerConfig } from '#client';
import { DEFAULT_DETACH_KEYS, terminalSize } from '#console';
import type { Cli } from './context.ts';
import { cliErrors } from './errors.ts';
import { askText } from './prompts.ts';
import { followSize, runSession } from './session.ts';

/** Where a shell is wanted when a build fails; `ask` asks on the terminal. */
export type DebugChoice = 'before' | 'after' | 'ask';

const CHOICES: readonly DebugChoice[] = ['before', 'after', 'ask'];
const NAME_BYTES = 8;

/** Reads `--debug`. @throws CLI_ARGUMENT_INVALID */
export const debugChoiceOf = (word: string | undefined): DebugChoice | undefined => {
  if (word === undefined || word === 'false') return undefined;
  const choice = CHOICES.find((each) => each === (word === 'true' ? 'ask' : word));
  if (choice !== undefined) return choice;
  throw cliErrors.argumentInvalid({
    problem: `invalid --debug "${word}"`,
    advice: 'write --debug=before or --debug=after',
  });
};

const buildPath = (build: string): string => `/lade/v1/builds/${encodeURIComponent(build)}`;

/** Opens a shell where the build failed and waits for its end; returns its exit code. */
const openShell = async (
  cli: Cli,
  build: string,
  { place, args }: { readonly place: string; readonly args: readonly string[] },
): Promise<number> => {
  const client = await cli.client();
  const shell = `debug-${randomBytes(NAME_BYTES).toString('hex')}`;
  const tty = cli.stdin.isTTY && cli.stdout.isTTY;
  const size = tty ? terminalSize(cli.stdout) : undefined;
  const connection = await client.hijack({
    method: 'POST',
    path: `${buildPath(build)}/shells/${shell}`,
    query: { place, arg: args, tty: tty ? '1' : undefined, h: size?.rows, w: size?.columns },
  });
  const shellPath = `/lade/v1/shells/${shell}`;
  using stack = new DisposableStack();
  if (tty) stack.use(followSize(cli, client, `${shellPath}/resize`));
  const detachKeys = readDockerConfig(cli.configFolder).detachKeys ?? DEFAULT_DETACH_KEYS;
  await runSession(cli, connection, { tty, stdin: true, detachKeys });
  const { exitCode } = await client.json<ShellExitAnswer>({ method: 'GET', path: shellPath });
  return exitCode;
};

const QUESTION = 'A shell [a]fter or [b]efore the command that failed, or [e]nd? ';

/** Asks until the user wants to end. */
const askAndOpen = async (cli: Cli, build: string, args: readonly string[]): Promise<number> => {
  let code = 0;
  for (;;) {
    const answer = (await askText(cli, QUESTION)).toLowerCase();
    if (answer === '' || 'end'.startsWith(answer)) return code;
    if ('after'.startsWith(answer)) code = await openShell(cli, build, { place: 'after', args });
    else if ('before'.startsWith(answer)) code = await openShell(cli, build, { place: 'before', args });
  }
};

/** Lets the user look into a failed step; what was kept of it is removed afterwards. Returns the shell's exit code. */
export const debugBuild = async (
  cli: Cli,
  build: string,
  { choice, args = [] }: { readonly choice: DebugChoice; readonly args?: readonly string[] },
): Promise<number> => {
  try {
    if (choice === 'ask' && cli.stdin.isTTY) return await askAndOpen(cli, build, args);
    const place = choice === 'ask' ? 'after' : choice;
    cli.note(`shell ${place} the command that failed; what it changes is thrown away`);
    return await openShell(cli, build, { place, args });
  } finally {
    const client = await cli.client();
    await client.json({ method: 'DELETE', path: `${buildPath(build)}/kept` });
  }
};
