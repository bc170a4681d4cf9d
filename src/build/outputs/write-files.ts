import { lstat, readdir, rm } from 'node:fs/promises';
import type { LayerStore } from '#layers';
import { decodeName, fsPath, writeTar, type TarSource } from '#tar';
import { extractTar, openDirectory, treeEntries } from '#trees';
import type { BuiltImage } from './delivery-types.ts';
import { openDirectoryOutput, writeFileOutput } from './destinations.ts';
import type { OutputSpec } from './types.ts';

interface FilesRequest {
  readonly layers: Pick<LayerStore, 'mountReadOnly'>;
  readonly images: readonly BuiltImage[];
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

/** Removes what is below a directory and not among `kept`; a directory that is kept is looked into. */
const removeOthers = async (root: number, path: string, kept: ReadonlySet<string>): Promise<void> => {
  using directory = openDirectory(root, path);
  for (const bytes of await readdir(`/proc/self/fd/${directory.fd}`, { encoding: 'buffer' })) {
    const name = decodeName(bytes);
    const full = path === '/' ? name : `${path.slice(1)}/${name}`;
    const entry = fsPath(directory.entry(name));
    if (!kept.has(full)) await rm(entry, { recursive: true, force: true });
    else if ((await lstat(entry)).isDirectory()) await removeOthers(root, `/${full}`, kept);
  }
};

const isSplit = (output: { readonly platformSplit?: boolean | undefined }, request: FilesRequest): boolean =>
  output.platformSplit ?? request.images.length > 1;

/** Writes the files of the result below a directory: never through a link that leads out of it. */
export const writeLocal = async (
  output: OutputSpec & { readonly kind: 'local' },
  request: FilesRequest,
): Promise<void> => {
  const { signal } = request;
  using root = openDirectoryOutput(output.destination);
  const kept = new Set<string>();
  const noted = async function* (): AsyncGenerator<TarSource> {
    for await (const source of entriesOf(request, isSplit(output, request))) {
      signal?.throwIfAborted();
      kept.add(source.path);
      yield source;
    }
  };
  await extractTar(writeTar(noted()), { root: root.fd, directory: '/', keepKinds: false, owner: undefined });
  if (output.mode === 'delete') await removeOthers(root.fd, '/', kept);
};

/** Writes the files of the result as one tar. */
export const writeTarFile = (
  output: OutputSpec & { readonly kind: 'tar' },
  request: FilesRequest,
): Promise<void> => {
  const bytes = writeTar(entriesOf(request, isSplit(output, request)));
  return writeFileOutput(output.destination, bytes, request.signal);
};
