const isFull = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');

/** Repeats a write that fails for want of space as long as room can be made. */
export const withRoom = async <T>(
  makeRoom: { run: () => Promise<boolean> },
  write: () => Promise<T>,
): Promise<T> => {
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (!isFull(error) || !(await makeRoom.run().catch(() => false))) throw error;
    }
  }
};
