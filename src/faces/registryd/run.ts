import { once } from 'node:events';
import { toLadeError } from '#errors';
import { releaseProgramPages } from '#sys';
import { runConfigVerb } from './config-verbs.ts';
import { parseInvocation, settingsOf, USAGE } from './options.ts';
import { runRestoreVerb } from './restore-verb.ts';
import { startRegistryd } from './serve.ts';

const untilSignal = async (): Promise<void> => {
  const stop = new AbortController();
  await Promise.race([
    once(process, 'SIGTERM', { signal: stop.signal }),
    once(process, 'SIGINT', { signal: stop.signal }),
  ]);
  stop.abort();
};

const signalOf = (name: NodeJS.Signals): AbortSignal => {
  const stop = new AbortController();
  process.once(name, () => stop.abort());
  return stop.signal;
};

/** Does the work for each SIGHUP, one after the other. */
const onHangup = (work: () => Promise<void>): Disposable => {
  let last = Promise.resolve();
  const afterLast = async (previous: Promise<void>): Promise<void> => {
    await previous;
    await work();
  };
  const listener = (): void => {
    last = afterLast(last);
  };
  process.on('SIGHUP', listener);
  return { [Symbol.dispose]: () => void process.off('SIGHUP', listener) };
};

/** Milliseconds after the start when nothing of it goes on any more. */
const SETTLED_MS = 2_000;

const serve = async (argv: readonly string[]): Promise<void> => {
  const invocation = parseInvocation(argv, process.env);
  if (invocation.help) {
    process.stdout.write(USAGE);
    return;
  }
  const { settings, unknownVariables } = await settingsOf(invocation, process.env);
  const stopped = untilSignal();
  await using registryd = await startRegistryd(settings);
  using _reloading = onHangup(async () => {
    try {
      await registryd.reload((await settingsOf(invocation, process.env)).settings);
    } catch (error) {
      registryd.log.error(
        { reason: toLadeError(error).message },
        'the new settings are bad; the old ones stay',
      );
    }
  });
  for (const variable of unknownVariables) registryd.log.warn({ variable }, 'this variable sets nothing');
  process.stdout.write(`lade registry: serving ${registryd.url} from ${settings.root}\n`);
  setTimeout(releaseProgramPages, SETTLED_MS).unref();
  await stopped;
};

/**
 * Runs `lade registry serve` (until SIGTERM or SIGINT; prints one line with the address when it serves), `lade registry
 * config` or `lade registry restore`, with the arguments behind it. Answers the exit code.
 */
export const runRegistryd = async (
  verb: 'serve' | 'config' | 'restore',
  argv: readonly string[],
): Promise<number> => {
  try {
    if (verb === 'config') process.stdout.write(await runConfigVerb(argv, process.env));
    else if (verb === 'restore') process.stdout.write(await runRestoreVerb(argv, signalOf('SIGINT')));
    else await serve(argv);
    return 0;
  } catch (thrown) {
    const { message, hint } = toLadeError(thrown);
    process.stderr.write(`lade registry: ${message}\n${hint === undefined ? '' : `hint: ${hint}\n`}`);
    return 1;
  }
};
