import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openDatabase } from '#database';
import { fileLock, makeDirectories } from '#sys';
import { registryErrors } from './errors.ts';
import { createFileDriver } from './file-driver.ts';
import { createMetadata } from './metadata.ts';
import { registryMigrations } from './migrations.ts';
import type { RegistryStorage } from './types.ts';

/** Of the files; the database has its own. */
const LAYOUT = 1;

const checkLayout = async (path: string): Promise<void> => {
  const file = join(path, 'version');
  const found = await readFile(file, 'utf8').catch(() => undefined);
  if (found === undefined) await writeFile(file, `${LAYOUT}\n`);
  else if (Number(found) !== LAYOUT) throw registryErrors.layoutUnknown({ path, found: found.trim() });
};

/**
 * Opens or makes a registry's directory: blobs as files, metadata in `registry.db`, and a lock that keeps a second
 * registry out.
 *
 * @throws REGISTRY_ROOT_IN_USE, REGISTRY_LAYOUT_UNKNOWN
 */
export const openRegistryStorage = async (path: string): Promise<RegistryStorage> => {
  makeDirectories(path, 0o700);
  const stack = new AsyncDisposableStack();
  try {
    const lock = fileLock(join(path, 'lock'));
    if (lock === undefined) throw registryErrors.rootInUse({ path });
    stack.use(lock);
    await checkLayout(path);
    const database = stack.use(
      await openDatabase({ path: join(path, 'registry.db'), migrations: registryMigrations }),
    );
    const blobs = stack.use(await createFileDriver(path));
    return {
      path,
      blobs,
      metadata: createMetadata(database),
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
};
