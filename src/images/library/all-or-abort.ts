/** Runs all; when one fails the others are stopped, and the first failure is thrown once all have ended. */
export const allOrAbort = async (
  tasks: readonly ((signal: AbortSignal) => Promise<unknown>)[],
  outer: AbortSignal | undefined,
): Promise<void> => {
  const controller = new AbortController();
  const signal = outer === undefined ? controller.signal : AbortSignal.any([outer, controller.signal]);
  let failure: { readonly error: unknown } | undefined;
  await Promise.all(
    tasks.map((task) =>
      task(signal).catch((error: unknown) => {
        failure ??= { error };
        controller.abort(error);
      }),
    ),
  );
  if (failure !== undefined) throw failure.error;
};
