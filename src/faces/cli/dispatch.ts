import { flagTable, nearest, parseFlags } from '#console';
import { createCli, type Cli } from './context.ts';
import { cliErrors } from './errors.ts';
import { execute } from './execute.ts';
import { FLAG_ERROR_CODE, isFlagError, report } from './report.ts';
import type { Group, Verb } from './verb-entry.ts';
import { VERBS } from './verbs.ts';

/** Flags before the verb. */
export const GLOBAL_FLAGS = flagTable({
  host: { kind: 'string', short: 'H', help: 'Daemon socket to connect to (else $LADE_HOST, $DOCKER_HOST)' },
  config: { kind: 'string', help: 'Location of client config files (default "~/.docker")' },
  debug: { kind: 'bool', short: 'D', help: 'Print the stack of errors' },
  'log-level': { kind: 'string', short: 'l', help: 'Accepted for compatibility', hidden: true },
  context: { kind: 'string', short: 'c', help: 'Accepted for compatibility', hidden: true },
  version: { kind: 'bool', short: 'v', help: 'Print version information and quit' },
});

const isGroup = (entry: Verb | Group): entry is Group => 'verbs' in entry;

const unknown = (words: readonly string[], candidates: readonly string[], help: string): Error => {
  const prefix = words.slice(0, -1).join(' ');
  const near = nearest(words.at(-1) ?? '', candidates);
  return cliErrors.commandUnknown({
    command: `lade ${words.join(' ')}`,
    near: near === undefined ? undefined : ['lade', prefix, near].filter(Boolean).join(' '),
    help,
  });
};

const groupHelp = async (cli: Cli, name: string, group: Group): Promise<number> => {
  const { groupText } = await import('./help.ts');
  cli.out(groupText(name, group));
  return 0;
};

const runEntry = async (
  cli: Cli,
  at: { readonly name: string; readonly entry: Verb | Group },
  argv: readonly string[],
): Promise<number> => {
  if (!isGroup(at.entry)) return await execute(cli, (await at.entry.load()).command, argv);
  const [sub, ...rest] = argv;
  const { otherwise } = at.entry;
  const isHelp = sub === '--help' || sub === '-h';
  if (otherwise !== undefined && !isHelp && (sub === undefined || sub.startsWith('-')))
    return await execute(cli, (await otherwise.load()).command, argv);
  if (sub === undefined || sub === '--help' || sub === '-h') return await groupHelp(cli, at.name, at.entry);
  const entry = Object.hasOwn(at.entry.verbs, sub) ? at.entry.verbs[sub] : undefined;
  if (entry === undefined)
    throw unknown([at.name, sub], Object.keys(at.entry.verbs), `lade ${at.name} --help`);
  return await runEntry(cli, { name: `${at.name} ${sub}`, entry }, rest);
};

const run = async (cli: Cli, argv: readonly string[]): Promise<number> => {
  const [name, ...rest] = argv;
  if (name === undefined || name === 'help') return await rootHelp(cli, rest);
  const entry = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
  if (entry === undefined) throw unknown([name], Object.keys(VERBS), 'lade --help');
  return await runEntry(cli, { name, entry }, rest);
};

const rootHelp = async (cli: Cli, topic: readonly string[]): Promise<number> => {
  if (topic.length > 0) return await run(cli, [...topic, '--help']);
  const { rootText } = await import('./help.ts');
  cli.out(rootText(GLOBAL_FLAGS));
  return 0;
};

const printVersion = async (cli: Cli): Promise<number> => {
  const { versionLine } = await import('./version-line.ts');
  cli.out(versionLine());
  return 0;
};

/** Runs the command line `argv` (without node and script) and returns the exit code. */
export const dispatch = async (argv: readonly string[]): Promise<number> => {
  let cli = createCli({ host: undefined, configFolder: undefined });
  try {
    const globals = parseFlags(GLOBAL_FLAGS, argv, { command: 'lade', interspersed: false });
    cli = createCli({ host: globals.flags.host, configFolder: globals.flags.config });
    if (globals.help) return await rootHelp(cli, []);
    return await (globals.flags.version ? printVersion(cli) : run(cli, globals.args));
  } catch (error) {
    report(cli, error);
    return isFlagError(error) ? FLAG_ERROR_CODE : 1;
  }
};
