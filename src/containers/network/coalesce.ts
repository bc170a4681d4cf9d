/**
 * Runs `work` after every call and never twice at once. A call resolves with a run that began after it; calls that
 * arrive during a run share the next.
 */
export const coalesce = (work: () => Promise<void>): (() => Promise<void>) => {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const start = async (after: Promise<void> | undefined): Promise<void> => {
    await after?.catch(() => undefined);
    next = undefined;
    running = work();
    await running;
  };
  return () => (next ??= start(running));
};
