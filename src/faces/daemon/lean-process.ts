/** Young generation of V8 in MiB: with the usual 16 a daemon that was busy once keeps 30 MB more for ever. */
const YOUNG_SPACE = '--max-semi-space-size=4';
/** malloc keeps an arena for each thread otherwise. */
const ARENAS = { MALLOC_ARENA_MAX: '2' };

/**
 * Starts this program anew in the same process, told to stay small, unless it was started so. Both settings can only be
 * given to a process when it starts; everybody who starts a daemon would have to know them.
 */
export const becomeLean = (): void => {
  const { execArgv, execPath, argv, env } = process;
  if (execArgv.includes(YOUNG_SPACE) || process.execve === undefined) return;
  process.execve(execPath, [execPath, ...execArgv, YOUNG_SPACE, ...argv.slice(1)], { ...env, ...ARENAS });
};
