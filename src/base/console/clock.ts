/**
 * Milliseconds since some moment, never going back. Not `performance.now()`, for which Node loads all of `perf_hooks`:
 * that is felt at each start of the command line.
 */
export const monotonicMs = (): number => {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
};
