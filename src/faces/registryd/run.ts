import { once } from 'node:events';
import { toLadeError } from '#errors';
import { parseOptions, USAGE } from './options.ts';
import { startRegistryd } from './serve.ts';

const untilSignal = async (): Promise<void> => {
  const stop = new AbortController();
  await Promise.race([
    once(process, 'SIGTERM', { signal: stop.signal }),
    once(process, 'SIGINT', { signal: stop.signal }),
  ]);
  stop.abort();
};

/**
 * Runs `lade registry serve` with the arguments behind it until SIGTERM or SIGINT; prints one line with the address when
 * it serves. Answers the exit code.
 */
export const runRegistryd = async (argv: readonly string[]): Promise<number> => {
  try {
    const options = parseOptions(argv);
    if (options === 'help') {
      process.stdout.write(USAGE);
      return 0;
    }
    const stopped = untilSignal();
    await using registryd = await startRegistryd(options);
    process.stdout.write(`lade registry: serving ${registryd.url} from ${options.root}\n`);
    await stopped;
    return 0;
  } catch (thrown) {
    const { message, hint } = toLadeError(thrown);
    process.stderr.write(`lade registry: ${message}\n${hint === undefined ? '' : `hint: ${hint}\n`}`);
    return 1;
  }
};
