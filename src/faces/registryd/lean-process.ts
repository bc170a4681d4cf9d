/** Young generation of V8 in MiB, and code that is small rather than fast at once. */
const FLAGS = ['--max-semi-space-size=4', '--optimize-for-size'];
/** malloc keeps an arena for each thread otherwise. */
const ARENAS = { MALLOC_ARENA_MAX: '2' };

/** Starts this program anew in the same process, told to stay small, unless it was started so. */
export const becomeLean = (): void => {
  const { execArgv, execPath, argv, env } = process;
  if (FLAGS.every((flag) => execArgv.includes(flag)) || process.execve === undefined) return;
  process.execve(execPath, [execPath, ...execArgv, ...FLAGS, ...argv.slice(1)], { ...env, ...ARENAS });
};
