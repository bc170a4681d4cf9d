import { toLadeError } from '#errors';
import { parseCommandLine, USAGE } from './command-line.ts';
import { serveDaemon } from './serve.ts';

/** Exit codes: 1 for what went wrong, 2 for arguments that make no sense. */
const report = (thrown: unknown): void => {
  const error = toLadeError(thrown);
  const hint = error.hint === undefined ? '' : `\n${error.hint}`;
  process.stderr.write(`lade daemon: ${error.message}${hint}\n`);
  process.exitCode = error.code.startsWith('DAEMON_') ? 2 : 1;
};

try {
  const options = parseCommandLine(process.argv.slice(2), process.env);
  if (options.help) process.stdout.write(USAGE);
  else await serveDaemon(options);
} catch (error) {
  report(error);
}
