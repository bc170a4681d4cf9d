import { buffer } from 'node:stream/consumers';
import { toLadeError } from '#errors';
import type { ReadManifest, UnreadManifest } from '#metadata';
import type { Digest } from '#oci';
import type { RegistryStorage } from '#protocol';
import { configOf, readImage } from './read-image.ts';

/** Manifests that are read before the result is recorded. */
const BATCH = 20;
/** Configurations beyond this are not read: they hold no more than labels and a history. */
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

/** Reads what was pushed, behind the pushes. */
export interface CatalogReader extends AsyncDisposable {
  /** Resolves when everything that was pushed before the call has been read. */
  settled(): Promise<void>;
}

const configBytes = async (
  { blobs, metadata }: RegistryStorage,
  repository: string,
  digest: Digest | undefined,
): Promise<Buffer | undefined> => {
  const blob = digest === undefined ? undefined : metadata.contents.linkedBlob(repository, digest);
  if (digest === undefined || blob === undefined || blob.size > MAX_CONFIG_BYTES) return undefined;
  // What cannot be read now is shown without; the scrub tells of it.
  return await buffer(await blobs.read(digest)).catch(() => undefined);
};

const withoutFacts = (unread: UnreadManifest): ReadManifest => ({
  ...unread,
  facts: undefined,
  texts: undefined,
});

const readOne = async (storage: RegistryStorage, unread: UnreadManifest): Promise<ReadManifest> => {
  const { contents, catalog } = storage.metadata;
  const { repository, digest } = unread;
  const manifest = contents.manifest(repository, digest);
  if (manifest === undefined) return withoutFacts(unread);
  const config = await configBytes(storage, repository, configOf(manifest)).catch(() => undefined);
  const { facts, texts } = readImage(manifest, config);
  return { ...unread, facts: catalog.hasFacts(digest) ? undefined : facts, texts };
};

/** Reads and records them together. */
const record = async (storage: RegistryStorage, unread: readonly UnreadManifest[]): Promise<void> => {
  const read: ReadManifest[] = [];
  for (const manifest of unread) read.push(await readOne(storage, manifest));
  await storage.metadata.catalog.recordFacts(read);
};

/** Records one after the other; one that cannot be is shown without facts, and keeps nobody else waiting. */
const recordSingly = async (
  storage: RegistryStorage,
  unread: readonly UnreadManifest[],
  onError: (error: unknown) => void,
): Promise<void> => {
  for (const manifest of unread) {
    try {
      await record(storage, [manifest]);
    } catch (error) {
      // A full disk is not the manifest's fault: it is read again.
      if (toLadeError(error).kind === 'unavailable') throw error;
      await storage.metadata.catalog.recordFacts([withoutFacts(manifest)]);
      onError(error);
    }
  }
};

/**
 * Keeps the facts that listings and search show: reads every manifest that is put into a repository, and its
 * configuration, moments after the push. What is to be read is in the metadata, so nothing is forgotten when the process
 * ends. `onError` is told of every manifest that could not be recorded, and of what stopped the reading until the next
 * push.
 */
export const createCatalogReader = (
  storage: RegistryStorage,
  onError: (error: unknown) => void,
): CatalogReader => {
  const { catalog, journal } = storage.metadata;
  const stop = new AbortController();
  let running: Promise<void> | undefined;

  const readAll = async (): Promise<void> => {
    for (let unread = catalog.unread(BATCH); unread.length > 0; unread = catalog.unread(BATCH)) {
      if (stop.signal.aborted) return;
      const batch = unread;
      await record(storage, batch).catch(() => recordSingly(storage, batch, onError));
    }
  };
  const settled = async (): Promise<void> => {
    await running;
    running ??= readAll()
      .catch(onError)
      .finally(() => (running = undefined));
    await running;
  };
  const following = journal.follow(() => {
    if (running === undefined && !stop.signal.aborted) void settled();
  });
  void settled();
  return {
    settled,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      following[Symbol.dispose]();
      await running;
    },
  };
};
