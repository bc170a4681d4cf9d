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

const start = async (argv: readonly string[]): Promise<void> => {
  const [verb, ...rest] = argv;
  const serves = verb === 'registry' && (rest[0] === 'serve' || rest[0] === 'config');
  if (verb !== 'daemon' && !serves) return endWith(await dispatch(argv));
  const { becomeProgram } = await import('./programs.ts');
  return await (serves ? becomeProgram('registryd', rest) : becomeProgram('daemon', rest));
};

void start(process.argv.slice(2));
