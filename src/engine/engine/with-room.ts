import { databaseErrors } from '#database';

/**
 * Removes a record. A full disk has no room to note even that, so what the record stands for goes first then: otherwise
 * nothing could ever be removed from a full disk.
 */
export const withRoom = async (
  removeRecord: () => Promise<unknown>,
  makeRoom: () => Promise<void>,
): Promise<void> => {
  try {
    await removeRecord();
  } catch (error) {
    if (!databaseErrors.diskFull.is(error)) throw error;
    await makeRoom();
    await removeRecord();
  }
};
