import { once } from 'node:events';
import { toLadeError } from '#errors';
import { runConfigVerb } from './config-verbs.ts';
import { parseInvocation, settingsOf, USAGE } from './options.ts';
import { startRegistryd } from './serve.ts';

const untilSignal = async (): Promise<void> => {
  const stop = new AbortController();
  await Promise.race([
    once(process, 'SIGTERM', { signal: stop.signal }),
    once(process, 'SIGINT', { signal: stop.signal }),
  ]);
  stop.abort();
};

const serve = async (argv: readonly string[]): Promise<void> => {
  const invocation = parseInvocation(argv, process.env);
  if (invocation.help) {
    process.stdout.write(USAGE);
    return;
  }
  const { settings } = await settingsOf(invocation, process.env);
  const stopped = untilSignal();
  await using registryd = await startRegistryd(settings);
  process.stdout.write(`lade registry: serving ${registryd.url} from ${settings.root}\n`);
  await stopped;
};

/**
 * Runs `lade registry serve` (until SIGTERM or SIGINT; prints one line with the address when it serves) or `lade registry
 * config`, with the arguments behind it. Answers the exit code.
 */
export const runRegistryd = async (verb: 'serve' | 'config', argv: readonly string[]): Promise<number> => {
  try {
    if (verb === 'config') process.stdout.write(await runConfigVerb(argv, process.env));
    else await serve(argv);
    return 0;
  } catch (thrown) {
    const { message, hint } = toLadeError(thrown);
    process.stderr.write(`lade registry: ${message}\n${hint === undefined ? '' : `hint: ${hint}\n`}`);
    return 1;
  }
};
