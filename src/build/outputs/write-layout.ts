import { syncFileSystem } from '#sys';
import { readTar, type TarItem } from '#tar';
import { extractItems } from '#trees';
import { lockDirectory, openDirectoryOutput, readSmall, writeSmall } from './destinations.ts';
import { outputsErrors } from './errors.ts';

const INDEX = 'index.json';
/** The file that BuildKit's clients lock too. */
const LOCK = 'index.json.lock';
const NAME = 'org.opencontainers.image.ref.name';
const FULL_NAME = 'io.containerd.image.name';

interface Entry {
  readonly digest?: unknown;
  readonly annotations?: Readonly<Record<string, unknown>>;
}

interface Index {
  readonly manifests: readonly Entry[];
}

const parseIndex = (bytes: Buffer): Index | undefined => {
  try {
    const parsed: unknown = JSON.parse(bytes.toString());
    const isIndex = typeof parsed === 'object' && parsed !== null && 'manifests' in parsed;
    return isIndex && Array.isArray(parsed.manifests) ? (parsed as Index) : undefined;
  } catch {
    return undefined;
  }
};

/** By the name in full where both have one (the other may be a tag alone), else by the name that both or neither has. */
const isSame = (one: Entry, other: Entry): boolean => {
  const [names, others] = [one.annotations ?? {}, other.annotations ?? {}];
  const key = [FULL_NAME, NAME].find((name) => names[name] !== undefined && others[name] !== undefined);
  if (key !== undefined) return names[key] === others[key];
  return names[NAME] === undefined && others[NAME] === undefined && one.digest === other.digest;
};

/** What a layout has stays, except for what has the same name or is the same. */
const mergeIndex = (before: Index | undefined, added: Index): Index => {
  const kept = (before?.manifests ?? []).filter(
    (entry) => !added.manifests.some((one) => isSame(entry, one)),
  );
  return { ...before, ...added, manifests: [...kept, ...added.manifests] };
};

/** A layout's index, set apart while its other files are written. */
interface ReadIndex {
  bytes: Buffer | undefined;
}

/** The entries of an archive but its index. Stops with the build. */
async function* withoutIndex(
  bytes: AsyncIterable<Uint8Array>,
  index: ReadIndex,
  signal: AbortSignal | undefined,
): AsyncGenerator<TarItem> {
  for await (const item of readTar(bytes)) {
    signal?.throwIfAborted();
    if (item.entry.path !== INDEX) {
      yield item;
      continue;
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of item.content()) chunks.push(Buffer.from(chunk));
    index.bytes = Buffer.concat(chunks);
  }
}

/**
 * Writes an archive as the directory of an OCI layout, which may have other images already: blobs first, and when they
 * are durable the index, which one build at a time changes.
 *
 * @throws OUTPUTS_DESTINATION_UNUSABLE, OUTPUTS_FOREIGN_INDEX
 */
export const writeLayout = async (
  path: string,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<void> => {
  using root = await openDirectoryOutput(path);
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const read: ReadIndex = { bytes: undefined };
  const items = withoutIndex(bytes, read, signal);
  await extractItems(items, { root: root.fd, directory: '/', keepKinds: false, owner });
  const added = read.bytes === undefined ? undefined : parseIndex(read.bytes);
  if (added === undefined) throw new TypeError('an OCI layout has an index');
  await syncFileSystem(root.fd);
  await using _lock = await lockDirectory(root.fd, LOCK, signal);
  const there = await readSmall(root.fd, INDEX);
  const before = there === undefined ? undefined : parseIndex(there);
  if (there !== undefined && before === undefined) throw outputsErrors.foreignIndex({ path });
  await writeSmall(root.fd, INDEX, Buffer.from(JSON.stringify(mergeIndex(before, added))));
};
