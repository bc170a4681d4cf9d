import { chmod, open } from 'node:fs/promises';

/**
 * Makes an empty file where there is none, and keeps everybody but its owner out: accounts' hashes and the keys that
 * tokens are signed with are in the database, and SQLite gives its other files the same permissions.
 */
export const makePrivate = async (path: string): Promise<void> => {
  const file = await open(path, 'a', 0o600);
  await file.close();
  await chmod(path, 0o600);
};
