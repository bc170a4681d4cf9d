import { closeSync } from 'node:fs';
import type { Place } from '#dockerfile';
import { layerErrors, type LayerInfo, type LayerStore, type LayerLease } from '#layers';
import type { DiffId } from '#oci';
import {
  hostPath,
  sourcesErrors,
  type FileTree,
  type RemoteSources,
  type SelectedEntry,
  type Selection,
} from '#sources';
import { stepsErrors } from './errors.ts';
import { directoriesTo, layOut, locateOn, type Ground, type PlacedEntry } from './layout.ts';
import type { CopyOperation, WorkdirOperation } from './operations.ts';
import { resolveOwner } from './owner.ts';
import { addArchive, isArchive } from './unpack-archive.ts';
import { openFile, writeEntries, type Owner } from './write-entries.ts';

/** What steps that write layers work with. */
export interface StepTools {
  readonly layers: LayerStore;
  readonly lease: () => Promise<LayerLease>;
  /** Told of layers that steps build on while they are still being recorded. */
  readonly ahead?: ((recorded: Promise<unknown>) => void) | undefined;
  /** Takes the removal of what a step was done with, which nobody waits for before the build ends; without it the step waits. */
  readonly later?: ((removed: Promise<void>) => void) | undefined;
  /** What ADD fetches. */
  readonly remote: RemoteSources;
  /** Later modification times become this one. */
  readonly clampToNs: bigint | undefined;
}

/** A read-only view of what a step builds on. */
const openGround = async (tools: StepTools, below: readonly DiffId[]): Promise<Ground & AsyncDisposable> => {
  if (below.length === 0) return { root: undefined, [Symbol.asyncDispose]: () => Promise.resolve() };
  const view = await tools.layers.mountReadOnly(below);
  return { root: view.path, [Symbol.asyncDispose]: () => view[Symbol.asyncDispose]() };
};

/** Does a step on what it builds on. */
const onGround = async <T>(
  tools: StepTools,
  below: readonly DiffId[],
  use: (ground: Ground) => Promise<T>,
): Promise<T> => {
  await using stack = new AsyncDisposableStack();
  const made = await use(stack.use(await openGround(tools, below)));
  tools.later?.(stack.move().disposeAsync());
  return made;
};

const ownerOf = (ground: Ground, text: string | undefined, place: Place): Owner | undefined => {
  if (text === undefined || text === '') return undefined;
  try {
    return resolveOwner(ground.root, text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw stepsErrors.badInstruction(
      { problem: `cannot resolve the owner "${text}": ${reason}`, ...place },
      error,
    );
  }
};

interface CopyRequest {
  readonly operation: CopyOperation;
  readonly selection: Selection;
  readonly tree: FileTree;
  /** Layers of the stage so far. */
  readonly below: readonly DiffId[];
  readonly place: Place;
  readonly signal: AbortSignal;
}

/** Gives a path of the very file that a name means now; no link is followed on the way to it. */
const withOpenFile = async <T>(
  tree: FileTree,
  name: string,
  use: (path: string) => Promise<T>,
): Promise<T> => {
  const fd = openFile(tree, name);
  try {
    return await use(`/proc/self/fd/${fd}`);
  } finally {
    closeSync(fd);
  }
};

/** Archives among the sources of ADD, by host path; they are unpacked instead of copied. */
const archivesOf = async ({ operation, selection, tree }: CopyRequest): Promise<ReadonlySet<string>> => {
  if (!operation.unpack && !operation.unpackRemote) return new Set();
  const found = new Set<string>();
  for (const { kind, entries, tree: foreign } of selection.sources) {
    const [entry] = entries;
    const unpacks = foreign === undefined ? operation.unpack : operation.unpackRemote;
    if (!unpacks || kind !== 'file' || entry?.digest === undefined) continue;
    const from = foreign ?? tree;
    const packed = await withOpenFile(from, entry.name, (path) => isArchive(path));
    if (packed) found.add(hostPath(from, entry.name));
  }
  return found;
};

interface Layout {
  readonly entries: readonly PlacedEntry[];
  readonly archives: readonly {
    readonly tree: FileTree;
    readonly base: string;
    readonly entry: SelectedEntry;
  }[];
}

const layoutOf = async (request: CopyRequest, ground: Ground, link: boolean): Promise<Layout> => {
  const { operation, selection, tree, place } = request;
  const { destination, inline, chmod } = operation;
  const packed = await archivesOf(request);
  const pathOf = (source: Selection['sources'][number]): string =>
    hostPath(source.tree ?? tree, source.entries[0]?.name ?? '');
  const isPacked = (source: Selection['sources'][number]): boolean =>
    source.kind === 'file' && packed.has(pathOf(source));
  const sources = selection.sources.filter((source) => !isPacked(source));
  const base = locateOn(link ? { root: undefined } : ground, destination).path;
  const archives = selection.sources.flatMap((source) => {
    const [entry] = source.entries;
    return entry !== undefined && isPacked(source) ? [{ tree: source.tree ?? tree, base, entry }] : [];
  });
  const copied = layOut({ sources, inline, destination, chmod, ground, link, place });
  const nothing = sources.length + inline.length === 0;
  const above = archives.length > 0 ? directoriesTo(link ? { root: undefined } : ground, base, place) : [];
  return { entries: nothing ? above : copied, archives };
};

/** Tells entries that no layer can hold by the instruction that brought them. */
const refusedAt =
  ({ place }: CopyRequest, { archives }: Layout) =>
  (error: unknown): never => {
    if (!layerErrors.badContent.is(error)) throw error;
    const names = archives.map(({ entry }) => entry.name);
    const reason = String(error.details?.['reason']);
    throw stepsErrors.layerRefused({ reason, archives: names, ...place }, error);
  };

/** A file that is not what its digest says, though its stat is the same, is read again by the next build. */
const forgetChanged =
  ({ tree }: CopyRequest) =>
  (error: unknown): never => {
    if (sourcesErrors.contextChanged.is(error)) tree.digests.forget?.(String(error.details?.['path']));
    throw error;
  };

const copyOnto = async (tools: StepTools, request: CopyRequest, ground: Ground): Promise<LayerInfo> => {
  const { operation, tree, place, signal } = request;
  const layout = await layoutOf(request, ground, operation.link);
  const { entries, archives } = layout;
  const owner = ownerOf(ground, operation.chown, place);
  const lease = await tools.lease();
  const write = tools.layers.writeLayer(
    async (writer) => {
      await writeEntries({ tree, entries, owner, clampToNs: tools.clampToNs, signal }, writer);
      for (const { base, entry, tree: own } of archives) {
        const { digest, name } = entry;
        const archive = { base, owner, digest, name, limits: tools.remote.limits, signal };
        await withOpenFile(own, name, (path) => addArchive(writer, { ...archive, path }));
      }
    },
    { signal, lease, ahead: tools.ahead },
  );
  const refused = refusedAt(request, layout);
  const layer = await write.catch(forgetChanged(request)).catch(refused);
  // What an archive links to may lie below, or nowhere: that shows above the layers it is made for.
  const below = operation.link ? [] : request.below;
  if (archives.length > 0) await tools.layers.prepare([...below, layer.diffId]).catch(refused);
  return layer;
};

/** Carries out COPY or ADD without a snapshot: the layer is written directly. Undefined when nothing matched. */
export const runCopy = async (tools: StepTools, request: CopyRequest): Promise<LayerInfo | undefined> => {
  const { operation, selection, below } = request;
  if (selection.sources.length + operation.inline.length === 0) return undefined;
  return await onGround(tools, below, (ground) => copyOnto(tools, request, ground));
};

interface WorkdirRequest {
  readonly operation: WorkdirOperation;
  readonly below: readonly DiffId[];
  readonly place: Place;
  readonly signal: AbortSignal;
}

const makeDirectory = async (
  tools: StepTools,
  request: WorkdirRequest,
  ground: Ground,
): Promise<LayerInfo | undefined> => {
  const { operation, place, signal } = request;
  const found = locateOn(ground, operation.path);
  if (found.stats?.isDirectory() === true) return undefined;
  const entries = directoriesTo(ground, found.path, place);
  const owner = ownerOf(ground, operation.user, place);
  const lease = await tools.lease();
  const tree: FileTree = {
    root: '/',
    label: 'the image',
    digests: { digest: () => Promise.resolve(''), flush: () => Promise.resolve() },
    ignore: undefined,
    keepsOwners: true,
  };
  return await tools.layers.writeLayer(
    (writer) => writeEntries({ tree, entries, owner, clampToNs: tools.clampToNs, signal }, writer),
    { signal, lease, ahead: tools.ahead },
  );
};

/** Makes the directory of WORKDIR; undefined when it is there already. */
export const runWorkdir = (tools: StepTools, request: WorkdirRequest): Promise<LayerInfo | undefined> =>
  onGround(tools, request.below, (ground) => makeDirectory(tools, request, ground));
