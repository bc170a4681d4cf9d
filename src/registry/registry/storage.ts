import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFileDriver, createKeyedLocks } from '#blobs';
import { createCatalogReader } from '#catalog';
import { openMetadata } from '#metadata';
import { fileLock, makeDirectories } from '#sys';
import { registryErrors } from './errors.ts';
import type { OpenStorage, StorageOptions } from './types.ts';

/** Of the files; the database has its own. */
export const LAYOUT = 1;

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
export const openRegistryStorage = async (
  path: string,
  { onError = () => undefined }: StorageOptions = {},
): Promise<OpenStorage> => {
  makeDirectories(path, 0o700);
  const stack = new AsyncDisposableStack();
  try {
    const lock = fileLock(join(path, 'lock'));
    if (lock === undefined) throw registryErrors.rootInUse({ path });
    stack.use(lock);
    await checkLayout(path);
    const metadata = stack.use(await openMetadata(join(path, 'registry.db')));
    const blobs = stack.use(await createFileDriver(path));
    const storage = { blobs, metadata, locks: createKeyedLocks() };
    const catalog = stack.use(createCatalogReader(storage, onError));
    return {
      path,
      ...storage,
      catalog,
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
};
