import { lstat } from 'node:fs/promises';
import type { LayerStore } from '#layers';
import { syncFileSystem } from '#sys';
import { fsPath, writeTar, type TarSource } from '#tar';
import {
  extractTar,
  namesIn,
  openDirectory,
  openEntry,
  removeEntry,
  treeEntries,
  type OpenDirectory,
} from '#trees';
import type { BuiltImage } from './delivery-types.ts';
import { openDirectoryOutput, writeFileOutput } from './destinations.ts';
import type { OutputSpec } from './types.ts';

interface FilesRequest {
  readonly layers: Pick<LayerStore, 'mountReadOnly'>;
  readonly images: readonly BuiltImage[];
  /** A directory for each platform, unless the output says otherwise. */
  readonly split: boolean;
  readonly signal: AbortSignal | undefined;
}

/** The directory of a platform where there are several: `linux_arm_v7`. */
const folderOf = ({ platform }: BuiltImage): string => platform.replaceAll('/', '_');

const below = (folder: string, source: TarSource): TarSource => ({
  ...source,
  path: `${folder}/${source.path}`,
  // Names of hard links are those of entries.
  ...(source.kind === 'hardlink' ? { linkName: `${folder}/${source.linkName ?? ''}` } : {}),
});

async function* entriesOf({ layers, images }: FilesRequest, split: boolean): AsyncGenerator<TarSource> {
  for (const image of images) {
    await using view = await layers.mountReadOnly(image.config.rootfs.diffIds);
    const folder = folderOf(image);
    if (split) yield { path: folder, kind: 'directory', mode: 0o755 };
    for await (const source of treeEntries(`${view.path}/.`, ''))
      yield split ? below(folder, source) : source;
  }
}

interface Deletion {
  /** Paths of the result. */
  readonly kept: ReadonlySet<string>;
  readonly signal: AbortSignal | undefined;
}

/**
 * Removes what is in a directory and not among what is kept; a directory that is kept is looked into. Each is reached
 * from the one above it, by descriptors and never by a link: whoever swaps entries meanwhile leads it nowhere else.
 */
const removeOthers = async (directory: OpenDirectory, path: string, deletion: Deletion): Promise<void> => {
  for (const name of await namesIn(directory)) {
    deletion.signal?.throwIfAborted();
    const full = `${path}${name}`;
    if (!deletion.kept.has(full)) await removeEntry(directory, name);
    else if ((await lstat(fsPath(directory.entry(name)))).isDirectory()) {
      using inner = openEntry(directory, name);
      await removeOthers(inner, `${full}/`, deletion);
    }
  }
};

const isSplit = (output: { readonly platformSplit?: boolean | undefined }, request: FilesRequest): boolean =>
  output.platformSplit ?? request.split;

/**
 * Writes the files of the result below a directory: never through a link that leads out of it, each file as a whole, and
 * all of them durable at the end.
 */
export const writeLocal = async (
  output: OutputSpec & { readonly kind: 'local' },
  request: FilesRequest,
): Promise<void> => {
  const { signal } = request;
  using root = await openDirectoryOutput(output.destination);
  const kept = new Set<string>();
  const noted = async function* (): AsyncGenerator<TarSource> {
    for await (const source of entriesOf(request, isSplit(output, request))) {
      signal?.throwIfAborted();
      kept.add(source.path);
      yield source;
    }
  };
  await extractTar(writeTar(noted()), { root: root.fd, directory: '/', keepKinds: false, owner: undefined });
  if (output.mode === 'delete') {
    using directory = openDirectory(root.fd, '/');
    await removeOthers(directory, '', { kept, signal });
  }
  await syncFileSystem(root.fd);
};

/** Writes the files of the result as one tar. */
export const writeTarFile = (
  output: OutputSpec & { readonly kind: 'tar' },
  request: FilesRequest,
): Promise<void> => {
  const bytes = writeTar(entriesOf(request, isSplit(output, request)));
  return writeFileOutput(output.destination, bytes, request.signal);
};
