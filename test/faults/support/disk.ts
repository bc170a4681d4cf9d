/**
 * A disk that keeps only what it was told to keep: content of a file from its last fsync, names in a directory from the
 * directory's last fsync. What is not kept yet may be on it or not, each page and each name by itself.
 */
import { basename, dirname } from 'node:path';
import type { Step } from './trace.ts';

interface Change {
  readonly at: number;
  /** Undefined cuts the file off at `at`. */
  readonly data: Buffer | undefined;
}

export interface FileNode {
  readonly kind: 'file';
  durable: Buffer;
  pending: Change[];
  size: number;
}

export interface DirectoryNode {
  readonly kind: 'directory';
  readonly durable: Map<string, DiskNode>;
  readonly current: Map<string, DiskNode>;
}

export type DiskNode = FileNode | DirectoryNode;

/** Names that change together. */
interface Naming {
  readonly places: readonly {
    readonly directory: DirectoryNode;
    readonly name: string;
    readonly node: DiskNode | undefined;
  }[];
}

export const newFile = (durable = Buffer.alloc(0)): FileNode => ({
  kind: 'file',
  durable,
  pending: [],
  size: durable.length,
});

export const newDirectory = (): DirectoryNode => ({
  kind: 'directory',
  durable: new Map(),
  current: new Map(),
});

const PAGE = 4096;

const applyChange = (content: Buffer, { at, data }: Change): Buffer => {
  if (data === undefined)
    return at <= content.length
      ? content.subarray(0, at)
      : Buffer.concat([content, Buffer.alloc(at - content.length)]);
  const end = at + data.length;
  const bigger =
    end > content.length
      ? Buffer.concat([content, Buffer.alloc(end - content.length)])
      : Buffer.from(content);
  data.copy(bigger, at);
  return bigger;
};

const pages = (change: Change): readonly Change[] => {
  const { at, data } = change;
  if (data === undefined) return [change];
  const pieces: Change[] = [];
  for (let done = 0; done < data.length;) {
    const length = Math.min(PAGE - ((at + done) % PAGE), data.length - done);
    pieces.push({ at: at + done, data: data.subarray(done, done + length) });
    done += length;
  }
  return pieces;
};

/** Content after a power cut; `keep` decides of each page that was not synchronised. */
export const contentAfterCut = (file: FileNode, keep: () => boolean): Buffer =>
  file.pending.flatMap(pages).filter(keep).reduce(applyChange, file.durable);

export interface Disk {
  readonly root: DirectoryNode;
  apply(step: Step): void;
  /** What was done before it was safe. */
  readonly breaches: readonly string[];
  /** Names as they are after a power cut; `keep` decides of each change that was not synchronised. */
  namesAfterCut(keep: () => boolean): (directory: DirectoryNode) => ReadonlyMap<string, DiskNode>;
}

/** Names under which content must be whole. */
const PUBLISHED = /^\/(blobs\/\w+\/([0-9a-f]{2}\/)?[0-9a-f]{64,}|layers\/[0-9a-f]{64}|version)$/;

const unsafe = (node: DiskNode): boolean =>
  node.kind === 'file'
    ? node.pending.length > 0
    : [...node.current].some(([name, child]) => node.durable.get(name) !== child || unsafe(child));

export const createDisk = (rootPath: string, root: DirectoryNode): Disk => {
  const breaches: string[] = [];
  const positions = new Map<number, { readonly path: string; at: number }>();
  const begun = new Map<string, { readonly node: FileNode; readonly count: number }>();
  let namings: Naming[] = [];

  const inside = (path: string): string | undefined =>
    path === rootPath || path.startsWith(`${rootPath}/`) ? path.slice(rootPath.length) : undefined;
  const lookUp = (path: string): DiskNode | undefined => {
    const names = inside(path)?.split('/').filter(Boolean);
    return names?.reduce<DiskNode | undefined>(
      (node, name) => (node?.kind === 'directory' ? node.current.get(name) : undefined),
      root,
    );
  };
  const fileAt = (path: string): FileNode | undefined => {
    const node = lookUp(path);
    return node?.kind === 'file' ? node : undefined;
  };
  const place = (path: string, node: DiskNode | undefined) => {
    const directory = lookUp(dirname(path));
    return directory?.kind === 'directory' ? [{ directory, name: basename(path), node }] : [];
  };
  const name = (...places: Naming['places']): void => {
    for (const { directory, name: own, node } of places) {
      if (node === undefined) directory.current.delete(own);
      else directory.current.set(own, node);
    }
    if (places.length > 0) namings.push({ places });
  };
  const meets = (a: Naming, b: Naming): boolean =>
    a.places.some((one) => b.places.some((two) => one.directory === two.directory && one.name === two.name));
  const enact = (chosen: ReadonlySet<Naming>): void => {
    for (const naming of namings.filter((one) => chosen.has(one)))
      for (const { directory, name: own, node } of naming.places) {
        if (node === undefined) directory.durable.delete(own);
        else directory.durable.set(own, node);
      }
    namings = namings.filter((naming) => !chosen.has(naming));
  };
  const syncDirectory = (directory: DirectoryNode): void => {
    const chosen = new Set<Naming>();
    for (const naming of namings.toReversed()) {
      const own = naming.places.some((one) => one.directory === directory);
      if (own || [...chosen].some((later) => meets(naming, later))) chosen.add(naming);
    }
    enact(chosen);
  };
  const syncFile = (file: FileNode, count: number): void => {
    file.durable = file.pending.slice(0, count).reduce(applyChange, file.durable);
    file.pending = file.pending.slice(count);
  };
  const everyFile = (node: DiskNode): readonly FileNode[] =>
    node.kind === 'file' ? [node] : [...node.current.values()].flatMap(everyFile);

  const write = (step: Extract<Step, { kind: 'write' }>): void => {
    const file = fileAt(step.path);
    if (file === undefined) return;
    const position = positions.get(step.fd);
    const own = position?.path === undefined ? undefined : position;
    const at = step.offset ?? own?.at ?? file.size;
    file.pending.push({ at, data: step.data });
    file.size = Math.max(file.size, at + step.data.length);
    if (step.offset === undefined && own !== undefined) own.at = at + step.data.length;
  };
  const open = ({ fd, path, flags }: Extract<Step, { kind: 'open' }>): void => {
    positions.delete(fd);
    if (inside(path) === undefined) return;
    if (flags.includes('O_CREAT') && lookUp(path) === undefined) name(...place(path, newFile()));
    const file = fileAt(path);
    if (file === undefined) return;
    if (flags.includes('O_TRUNC') && file.size > 0) truncate(file, 0);
    if (!flags.includes('O_APPEND')) positions.set(fd, { path, at: 0 });
  };
  const truncate = (file: FileNode, size: number): void => {
    file.pending.push({ at: size, data: undefined });
    file.size = size;
  };
  const rename = (from: string, to: string): void => {
    const node = lookUp(from);
    if (node === undefined) return;
    if (PUBLISHED.test(inside(to) ?? '') && unsafe(node))
      breaches.push(`${inside(to)} got its name before its bytes were safe`);
    name(...place(from, undefined), ...place(to, node));
  };
  const apply = (step: Step): void => {
    switch (step.kind) {
      case 'open':
        return open(step);
      case 'close':
        return void positions.delete(step.fd);
      case 'write':
        return write(step);
      case 'truncate': {
        const file = fileAt(step.path);
        return file === undefined ? undefined : truncate(file, step.size);
      }
      case 'rename':
        return rename(step.from, step.to);
      case 'link':
        return name(...place(step.to, lookUp(step.from)));
      case 'remove':
        return lookUp(step.path) === undefined ? undefined : name(...place(step.path, undefined));
      case 'mkdir':
        return name(...place(step.path, newDirectory()));
      case 'sync-begin': {
        const node = fileAt(step.path);
        return node === undefined
          ? undefined
          : void begun.set(step.thread, { node, count: node.pending.length });
      }
      case 'sync-end': {
        const node = lookUp(step.path);
        if (node?.kind === 'directory') return syncDirectory(node);
        const start = begun.get(step.thread);
        begun.delete(step.thread);
        return start === undefined ? undefined : syncFile(start.node, start.count);
      }
      case 'sync-all':
        for (const file of everyFile(root)) syncFile(file, file.pending.length);
        return enact(new Set(namings));
    }
  };
  return {
    root,
    apply,
    breaches,
    namesAfterCut(keep) {
      const changed = new Map<DirectoryNode, Map<string, DiskNode>>();
      for (const { places } of namings.filter(keep))
        for (const { directory, name: own, node } of places) {
          const names = changed.get(directory) ?? new Map(directory.durable);
          changed.set(directory, names);
          if (node === undefined) names.delete(own);
          else names.set(own, node);
        }
      return (directory) => changed.get(directory) ?? directory.durable;
    },
  };
};
