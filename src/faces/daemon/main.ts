import { toLadeError } from '#errors';
import { becomeLean } from './lean-process.ts';

/** Exit codes: 2 for arguments that make no sense, 1 for everything else that went wrong. */
const report = (thrown: unknown): void => {
  const error = toLadeError(thrown);
  const hint = error.hint === undefined ? '' : `\n${error.hint}`;
  process.stderr.write(`lade daemon: ${error.message}${hint}\n`);
  process.exitCode = error.code.startsWith('DAEMON_') ? 2 : 1;
};

becomeLean();
try {
  const { parseCommandLine, USAGE } = await import('./command-line.ts');
  const options = parseCommandLine(process.argv.slice(2), process.env);
  if (options.help) process.stdout.write(USAGE);
  else await (await import('./serve.ts')).serveDaemon(options);
} catch (error) {
  report(error);
}
