import { dispatch } from './dispatch.ts';
import { allWritten } from './standard-streams.ts';

/** How long something that a verb left open may keep the process. */
const LINGER_MS = 500;

/**
 * Ends by itself when nothing is left to do. An early `process.exit` can wait for ever: it joins V8's compiler threads,
 * and one of those may wait for the main thread to collect garbage.
 */
const endWith = async (code: number): Promise<void> => {
  process.exitCode = code;
  await allWritten();
  setTimeout(() => process.exit(code), LINGER_MS).unref();
};

/** Of backups, not of tags: those are the running registry's. */
const restoresRoot = (argv: readonly string[]): boolean =>
  argv.some((word) => /^--(?:verify|root(?:=.*)?)$/.test(word));

const isOfRegistryd = ([verb = '', ...rest]: readonly string[]): boolean =>
  verb === 'serve' || verb === 'config' || (verb === 'restore' && restoresRoot(rest));

const start = async (argv: readonly string[]): Promise<void> => {
  const [verb, ...rest] = argv;
  const serves = verb === 'registry' && isOfRegistryd(rest);
  if (verb !== 'daemon' && !serves) return endWith(await dispatch(argv));
  const { becomeProgram } = await import('./programs.ts');
  return await (serves ? becomeProgram('registryd', rest) : becomeProgram('daemon', rest));
};

void start(process.argv.slice(2));
