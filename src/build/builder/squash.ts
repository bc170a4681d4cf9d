import type { LayerEntry, LayerLease, LayerStore, LayerWriter } from '#layers';
import type { DiffId, ImageConfig } from '#oci';
import { fsPath, type TarSource } from '#tar';
import { treeEntries } from '#trees';

interface SquashTools {
  readonly layers: LayerStore;
  readonly lease: () => Promise<LayerLease>;
}

/** What a stack of layers makes of the one below it: paths without their leading slash. */
interface Outcome {
  readonly removed: readonly string[];
  readonly set: ReadonlySet<string>;
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

const outcomeOf = async (
  layers: LayerStore,
  stacks: { readonly before: readonly DiffId[]; readonly after: readonly DiffId[] },
  signal: AbortSignal | undefined,
): Promise<Outcome> => {
  const gone = new Set<string>();
  const top: string[] = [];
  const set = new Set<string>();
  const replaced = new Set<string>();
  for await (const batch of layers.compare({ ...stacks, times: true, signal })) {
    for (const { path: absolute, before, after } of batch) {
      const path = absolute.slice(1);
      if (after !== undefined) {
        set.add(path);
        if (before?.kind === 'directory' && after.kind !== 'directory') replaced.add(path);
        continue;
      }
      gone.add(path);
      const parent = parentOf(path);
      // What was below a directory that is gone, or something else now, goes with it.
      if (gone.has(parent) || replaced.has(parent)) replaced.add(path);
      else top.push(path);
    }
  }
  return { removed: top.toSorted(), set };
};

/** An entry of the merged root as one of a layer; a second name of a file that lies below is a file of its own. */
const toEntry = (root: string, source: TarSource, set: ReadonlySet<string>): LayerEntry => {
  const { content: _content, size: _size, ...header } = source;
  const file = (path: string) => ({ kind: 'path', path: fsPath(`${root}/${path}`) }) as const;
  if (source.kind === 'file') return { ...header, source: file(source.path) };
  const { linkName } = source;
  if (source.kind !== 'hardlink' || linkName === undefined || set.has(linkName)) return header;
  return { ...header, kind: 'file', linkName: undefined, source: file(source.path) };
};

const writeOutcome = async (writer: LayerWriter, root: string, { removed, set }: Outcome): Promise<void> => {
  for (const path of removed) await writer.whiteout(path);
  for await (const source of treeEntries(`${root}/.`, '')) {
    const path = source.path.endsWith('/') ? source.path.slice(0, -1) : source.path;
    if (set.has(path)) await writer.add(toEntry(root, source, set));
  }
};

/**
 * The same image with one layer above the first `kept` ones, which are those of its base. An image without layers of
 * its own, or with only one, stays as it is.
 */
export const squashImage = async (
  { layers, lease }: SquashTools,
  config: ImageConfig,
  { kept, signal }: { readonly kept: number; readonly signal: AbortSignal | undefined },
): Promise<ImageConfig> => {
  const { diffIds } = config.rootfs;
  if (diffIds.length <= kept + 1) return config;
  const before = diffIds.slice(0, kept);
  const outcome = await outcomeOf(layers, { before, after: diffIds }, signal);
  await using view = await layers.mountReadOnly(diffIds);
  const made = await layers.writeLayer((writer) => writeOutcome(writer, view.path, outcome), {
    lease: await lease(),
    signal,
  });
  let below = kept;
  const history = config.history.map((entry) => {
    if (entry.emptyLayer === true || below-- > 0) return entry;
    return { ...entry, emptyLayer: true };
  });
  const created = config.created === undefined ? {} : { created: config.created };
  const comment = `squash of ${diffIds.length - kept} layers`;
  return {
    ...config,
    rootfs: { diffIds: [...before, made.diffId] },
    history: [...history, { ...created, comment }],
  };
};
