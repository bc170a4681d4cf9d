import { lstatSync, readlinkSync, type BigIntStats } from 'node:fs';
import { decodeName, fsPath, type TarHeader, type TarKind } from '#tar';
import { deviceOf, xattrsOf } from './below.ts';
import { layerErrors } from './errors.ts';
import { makeForm } from './form.ts';
import { createTarSink, type TarSink } from './tar-sink.ts';
import { dependsOnBelow } from './tree.ts';
import type { StoredTar } from './unpack-job.ts';
import { rootChanged, scanUpper, type UpperChange, type UpperScan } from './upper.ts';
import type { BackendName, Change } from './types.ts';

/** Name of the new layer's form in the staging directory. */
export const COMMITTED_FORM = 'form';

export interface ChangesRequest {
  readonly upper: string;
  readonly lower: string;
  readonly ignore: readonly string[];
}

export interface CommitRequest extends ChangesRequest {
  readonly backend: BackendName;
  /** New directory for the tar and the form. */
  readonly staging: string;
  /** Whether `lower` shows layers rather than nothing. */
  readonly hasLayers: boolean;
  /** Directory that has the attributes the root began with. */
  readonly rootReference?: string | undefined;
  readonly clampToNs?: bigint | undefined;
}

const scanOf = (request: ChangesRequest, cancelled: () => boolean): UpperScan => ({
  upper: request.upper,
  lower: request.lower,
  ignore: new Set(request.ignore.map((path) => path.split('/').filter(Boolean).join('/'))),
  cancelled,
});

/** What `docker diff` shows. */
export const findChanges = (request: ChangesRequest, cancelled: () => boolean): readonly Change[] =>
  scanUpper(scanOf(request, cancelled)).map(({ path, kind }) => ({ path: `/${path}`, kind }));

const kindOf = (stats: BigIntStats): TarKind => {
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  if (stats.isCharacterDevice()) return 'char';
  if (stats.isBlockDevice()) return 'block';
  return stats.isFIFO() ? 'fifo' : 'file';
};

interface Commit {
  readonly request: CommitRequest;
  readonly sink: TarSink;
  /** First path of each inode that has several names. */
  readonly seen: Map<bigint, string>;
}

/**
 * Labels of the host's security module mean nothing elsewhere; what overlay obeys when it is mounted by users must not
 * come out of a container.
 */
const isPortable = (name: string): boolean =>
  name !== 'security.selinux' && !name.startsWith('user.overlay.') && !name.includes('=');

/** The attributes of a file that go into a layer. */
const portableXattrs = (path: string): ReadonlyMap<string, Buffer> =>
  new Map([...xattrsOf(path)].filter(([name]) => isPortable(name)));

const headerOf = (commit: Commit, path: string, stats: BigIntStats): TarHeader => {
  const host = `${commit.request.upper}/${path}`;
  const { clampToNs } = commit.request;
  const late = clampToNs !== undefined && stats.mtimeNs > clampToNs;
  const kind = kindOf(stats);
  const [major, minor] = deviceOf(stats.rdev);
  const isDevice = kind === 'char' || kind === 'block';
  return {
    path,
    kind,
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mtimeNs: late ? clampToNs : stats.mtimeNs,
    xattrs: portableXattrs(host),
    linkName: kind === 'symlink' ? decodeName(readlinkSync(fsPath(host), { encoding: 'buffer' })) : undefined,
    ...(isDevice ? { major, minor } : {}),
  };
};

const whiteoutOf = (path: string): string => {
  const slash = path.lastIndexOf('/') + 1;
  return `${path.slice(0, slash)}.wh.${path.slice(slash)}`;
};

const addPresent = async (commit: Commit, path: string, stats: BigIntStats): Promise<void> => {
  const header = headerOf(commit, path, stats);
  const first = stats.nlink > 1n && !stats.isDirectory() ? commit.seen.get(stats.ino) : undefined;
  if (first !== undefined) {
    await commit.sink.add({ ...header, kind: 'hardlink', linkName: first, xattrs: undefined });
    return;
  }
  if (stats.nlink > 1n && !stats.isDirectory()) commit.seen.set(stats.ino, path);
  const host = fsPath(`${commit.request.upper}/${path}`);
  await commit.sink.add(header, header.kind === 'file' ? { kind: 'path', path: host } : undefined);
};

const addChange = async (commit: Commit, change: UpperChange): Promise<void> => {
  const { path, stats } = change;
  if (stats === undefined) {
    await commit.sink.add({ path: whiteoutOf(path), kind: 'file', mode: 0o600 });
    return;
  }
  await addPresent(commit, path, stats);
  if (change.opaque) await commit.sink.add({ path: `${path}/.wh..wh..opq`, kind: 'file', mode: 0o600 });
};

/** A tar has no form for sockets. What one took the place of is gone. */
const withoutSockets = (changes: readonly UpperChange[]): UpperChange[] =>
  changes.flatMap((change): UpperChange[] => {
    if (change.stats?.isSocket() !== true) return [change];
    return change.kind === 'added' ? [] : [{ ...change, kind: 'deleted', stats: undefined }];
  });

/** A deletion inside an opaque directory needs no entry of its own. */
const withoutImplied = (changes: readonly UpperChange[]): UpperChange[] => {
  const opaque = new Set(changes.filter((change) => change.opaque).map((change) => change.path));
  return changes.filter(
    ({ path, stats }) =>
      stats !== undefined || !opaque.has(path.slice(0, Math.max(0, path.lastIndexOf('/')))),
  );
};

/** The form for the stack that was committed; `dependent` tells under which name it belongs. */
const makeCommittedForm = (commit: Commit): boolean => {
  const { backend, staging, lower, hasLayers } = commit.request;
  const request = { backend, tarPath: `${staging}/layer.tar`, target: `${staging}/${COMMITTED_FORM}` };
  makeForm({ ...request, below: hasLayers ? lower : undefined }, commit.sink.entries);
  return dependsOnBelow(commit.sink.entries);
};

/** Writes what differs as a layer; undefined when nothing does. */
export const commitUpper = async (
  request: CommitRequest,
  cancelled: () => boolean,
): Promise<StoredTar | undefined> => {
  const changes = withoutImplied(withoutSockets(scanUpper(scanOf(request, cancelled))));
  const { upper, rootReference } = request;
  const withRoot = rootReference !== undefined && rootChanged(upper, rootReference);
  if (changes.length === 0 && !withRoot) return undefined;
  await using sink = createTarSink(`${request.staging}/layer.tar`);
  const commit: Commit = { request, sink, seen: new Map() };
  if (withRoot) await addPresent(commit, '.', lstatSync(upper, { bigint: true }));
  for (const change of changes) {
    if (cancelled()) throw layerErrors.cancelled({});
    await addChange(commit, change);
  }
  const { hex, size } = await sink.finish();
  return { algorithm: 'sha256', hex, size, dependent: makeCommittedForm(commit) };
};
