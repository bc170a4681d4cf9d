import { once } from 'node:events';
import { closeSync, openSync, readSync } from 'node:fs';
import type { MessagePort } from 'node:worker_threads';
import { scanTar, type TarEntry } from '#tar';
import { compareTrees } from './compare-trees.ts';
import type { StackDifference } from './compare-types.ts';
import { layerErrors } from './errors.ts';
import { cleanPath } from './tree-path.ts';
import { belowOf, mergeLayer, type Contents, type MergedDirectory, type TarContent } from './merged-tree.ts';
import { buildLayerTree } from './tree.ts';
import { ROOT_ATTRIBUTES } from './tree-types.ts';

export interface CompareJob {
  /** Tars of all layers that are looked at, each once. */
  readonly tarPaths: readonly string[];
  /** Positions in `tarPaths`, lowest first. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly paths: readonly string[];
  readonly times: boolean;
  /** Over which a batch is asked for. */
  readonly port: MessagePort;
}

/** Differences that go out together. */
const BATCH = 500;
const CHUNK = 64 * 1024;

/** The tars, open: they can be read to the end even when their layers are deleted meanwhile. */
const openTars = (paths: readonly string[], stack: DisposableStack): readonly number[] =>
  paths.map((path) => stack.adopt(openSync(path, 'r'), closeSync));

/** Reads `buffer.length` bytes of a file at `offset`; what lies between runs is zeros. */
const readContent = (fds: readonly number[], content: TarContent, offset: number, buffer: Buffer): void => {
  buffer.fill(0);
  const fd = fds[content.layer];
  for (const extent of content.extents) {
    const from = Math.max(offset, extent.offset);
    const to = Math.min(offset + buffer.length, extent.offset + extent.size);
    if (fd === undefined || from >= to) continue;
    readSync(fd, buffer, from - offset, to - from, extent.position + from - extent.offset);
  }
};

const isSamePlace = (a: TarContent, b: TarContent): boolean =>
  a.layer === b.layer && a.extents[0]?.position === b.extents[0]?.position;

const createContentComparison = (fds: readonly number[]) => {
  const [one, two] = [Buffer.alloc(CHUNK), Buffer.alloc(CHUNK)];
  return (a: { size: number; content: TarContent }, b: { size: number; content: TarContent }): boolean => {
    if (isSamePlace(a.content, b.content)) return true;
    for (let offset = 0; offset < a.size; offset += CHUNK) {
      const length = Math.min(CHUNK, a.size - offset);
      readContent(fds, a.content, offset, one.subarray(0, length));
      readContent(fds, b.content, offset, two.subarray(0, length));
      if (!one.subarray(0, length).equals(two.subarray(0, length))) return false;
    }
    return true;
  };
};

const EMPTY: MergedDirectory = { kind: 'directory', attributes: ROOT_ATTRIBUTES, children: new Map() };

interface Scan {
  readonly fds: readonly number[];
  readonly entries: Map<number, readonly TarEntry[]>;
  readonly contents: Contents;
  readonly cancelled: () => boolean;
}

const entriesOf = ({ fds, entries }: Scan, layer: number): readonly TarEntry[] => {
  const known = entries.get(layer);
  if (known !== undefined) return known;
  const fd = fds[layer];
  const read = fd === undefined ? [] : [...scanTar(fd)];
  entries.set(layer, read);
  return read;
};

const applyLayers = (scan: Scan, root: MergedDirectory, layers: readonly number[]): MergedDirectory =>
  layers.reduce((below, layer) => {
    if (scan.cancelled()) throw layerErrors.cancelled({});
    const tree = buildLayerTree(entriesOf(scan, layer), belowOf(below, scan.contents));
    return mergeLayer(below, tree, { layer, contents: scan.contents });
  }, root);

const commonLength = (a: readonly number[], b: readonly number[]): number => {
  const differs = a.findIndex((layer, index) => layer !== b[index]);
  return differs < 0 ? a.length : differs;
};

/** Both roots; what their common layers give and none of the others touches is the same object in both. */
const mergeBoth = (
  fds: readonly number[],
  { before, after }: CompareJob,
  cancelled: () => boolean,
): readonly [MergedDirectory, MergedDirectory] => {
  const scan: Scan = { fds, entries: new Map(), contents: { byName: new Map() }, cancelled };
  const common = commonLength(before, after);
  const base = applyLayers(scan, EMPTY, before.slice(0, common));
  scan.entries.clear();
  return [applyLayers(scan, base, before.slice(common)), applyLayers(scan, base, after.slice(common))];
};

const takeBatch = (differences: Generator<StackDifference, void, undefined>): readonly StackDifference[] => {
  const batch: StackDifference[] = [];
  while (batch.length < BATCH) {
    const next = differences.next();
    if (next.done === true) break;
    batch.push(next.value);
  }
  return batch;
};

/** Gives a batch away; whether another one is wanted. */
const give = async (port: MessagePort, batch: readonly StackDifference[]): Promise<boolean> => {
  const over = new AbortController();
  const answer = once(port, 'message', over).then(
    () => true,
    () => false,
  );
  const gone = once(port, 'close', over).then(
    () => false,
    () => false,
  );
  port.postMessage(batch);
  const more = await Promise.race([answer, gone]);
  over.abort();
  return more;
};

/**
 * Compares two stacks by their tars and gives the differences in batches, each when the one before was taken; an empty
 * one at the end.
 */
export const compareJob = async (job: CompareJob, cancelled: () => boolean): Promise<undefined> => {
  using stack = new DisposableStack();
  const fds = openTars(job.tarPaths, stack);
  const [before, after] = mergeBoth(fds, job, cancelled);
  const same = createContentComparison(fds);
  const differences = compareTrees(before, after, {
    times: job.times,
    wanted: job.paths.map(cleanPath).filter((path) => path.length > 0),
    sameContent(a, b) {
      if (cancelled()) throw layerErrors.cancelled({});
      return same(a, b);
    },
  });
  for (let batch = takeBatch(differences); batch.length > 0; batch = takeBatch(differences))
    if (!(await give(job.port, batch))) return undefined;
  job.port.postMessage([], []);
  job.port.close();
  return undefined;
};
