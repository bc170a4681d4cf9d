/**
 * A call returns when everything is written back that was there when it was made. Calls that come while another one
 * runs wait for it and share the next.
 */
export const createSharedSync = (sync: () => Promise<void>): (() => Promise<void>) => {
  let running: Promise<unknown> | undefined;
  let next: Promise<void> | undefined;
  const start = (): Promise<void> => {
    next = undefined;
    const job = sync();
    const ended = job
      .catch(() => undefined)
      .finally(() => {
        if (running === ended) running = undefined;
      });
    running = ended;
    return job;
  };
  return () => {
    if (running === undefined) return start();
    next ??= running.then(start);
    return next;
  };
};
