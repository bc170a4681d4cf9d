import { randomUUID } from 'node:crypto';
import { link, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeyPart } from '#solver';
import { fsPath } from '#tar';
import { hashFile, type HashAlgorithm } from '#work';
import { sourcesErrors } from './errors.ts';
import { createPlainDigests, type FileDigests } from './file-digests.ts';
import type { FileTree } from './file-tree.ts';
import { openGit, type Git } from './git-run.ts';
import { checkoutGit, resolveGit, type ResolvedGit } from './git-source.ts';
import { download, type Download } from './http-source.ts';
import type { Secrets } from './remote-credentials.ts';
import type { SourceLimits } from './remote-limits.ts';
import {
  withoutPassword,
  type GitReference,
  type HttpReference,
  type RemoteReference,
} from './remote-reference.ts';

/** A remote source as one instruction or context asks for it. */
export interface RemoteRequest {
  readonly reference: RemoteReference;
  /** `sha256:…` of a file, or the commit of a repository. */
  readonly checksum?: string | undefined;
  readonly keepGitDir?: boolean | undefined;
}

/** Files of a remote source, on the host until the build ends. */
export interface RemoteTree {
  readonly tree: FileTree;
  /** The one file of a URL; undefined for a repository, which means its content. */
  readonly file: string | undefined;
}

/** What one build fetches. Nothing is fetched twice. Disposing removes what it wrote for itself. */
export interface RemoteSources extends AsyncDisposable {
  readonly limits: SourceLimits;
  /** What of the source counts for a key. Asks the server; fetches a repository only when `open` does. */
  identify(request: RemoteRequest, signal: AbortSignal): Promise<readonly KeyPart[]>;
  /** Brings the files here. */
  open(request: RemoteRequest, signal: AbortSignal): Promise<RemoteTree>;
}

/** What all builds of one builder share. */
export interface RemoteStore {
  readonly directory: string;
  /** As they are now. */
  readonly limits: SourceLimits;
  /** Runs what works on one repository one after another. */
  alone<T>(key: string, work: () => Promise<T>): Promise<T>;
  /** Forgets everything that was fetched; only while nothing is. */
  clear(): Promise<void>;
}

export const createRemoteStore = (directory: string, limits: () => SourceLimits): RemoteStore => {
  const tails = new Map<string, Promise<unknown>>();
  return {
    directory,
    get limits() {
      return limits();
    },
    alone(key, work) {
      const before = tails.get(key) ?? Promise.resolve();
      const own = before.then(work, work);
      const tail = own.catch(() => undefined);
      tails.set(key, tail);
      void tail.then(() => {
        if (tails.get(key) === tail) tails.delete(key);
      });
      return own;
    },
    clear: () => rm(directory, { recursive: true, force: true }),
  };
};

export interface RemoteSourcesRequest {
  readonly store: RemoteStore;
  /** Where checkouts are put; the directory is made when it is needed. */
  readonly scratch: string;
  readonly secrets: Secrets;
  readonly agent: string | undefined;
  readonly proxies: Readonly<Record<string, string>>;
  readonly hostCa: string | undefined;
}

interface Open {
  readonly request: RemoteSourcesRequest;
  readonly own: string;
  readonly downloads: Map<string, Promise<Download>>;
  readonly commits: Map<string, Promise<ResolvedGit>>;
  readonly trees: Map<string, Promise<RemoteTree>>;
}

const once = <T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> => {
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = make();
  known.set(key, made);
  return made;
};

const DIGEST = /^(sha256|sha512):([0-9a-f]{64}|[0-9a-f]{128})$/u;

interface Checksum {
  readonly algorithm: HashAlgorithm;
  readonly hex: string;
}

const parseChecksum = (url: string, text: string): Checksum => {
  const [, algorithm, hex = ''] = DIGEST.exec(text) ?? [];
  if (algorithm === 'sha256' && hex.length === 64) return { algorithm, hex };
  if (algorithm === 'sha512' && hex.length === 128) return { algorithm, hex };
  const problem = `the checksum "${text}" is not sha256: or sha512: with the digits of that digest`;
  throw sourcesErrors.badRemote({ url, problem });
};

const fetchFile = async (
  open: Open,
  request: RemoteRequest,
  reference: HttpReference,
  signal: AbortSignal,
) => {
  const { store, secrets } = open.request;
  const options = { directory: join(store.directory, 'http'), limits: store.limits, secrets };
  const found = await once(open.downloads, reference.url, () => download(options, reference, signal));
  if (request.checksum === undefined) return found;
  const url = withoutPassword(reference.url);
  const { algorithm, hex } = parseChecksum(url, request.checksum);
  const got = algorithm === 'sha256' ? found.digest : await hashFile(found.path, { algorithm, signal });
  if (got !== hex)
    throw sourcesErrors.checksumMismatch({ url, wanted: request.checksum, got: `${algorithm}:${got}` });
  return found;
};

const UNNAMED = '__unnamed__';

const httpParts = async (
  open: Open,
  request: RemoteRequest,
  reference: HttpReference,
  signal: AbortSignal,
): Promise<readonly KeyPart[]> => {
  const name = withoutPassword(reference.url);
  const part = (file: string, value: string): KeyPart => ({ kind: 'file', name, value: `${file} ${value}` });
  if (request.checksum !== undefined && reference.name !== undefined) {
    // What is asked for is known: the server need not be.
    const { algorithm, hex } = parseChecksum(name, request.checksum);
    if (algorithm === 'sha256') return [part(reference.name, hex)];
  }
  const found = await fetchFile(open, request, reference, signal);
  return [part(reference.name ?? found.offeredName ?? UNNAMED, found.digest)];
};

const openFile = async (
  open: Open,
  request: RemoteRequest,
  reference: HttpReference,
  signal: AbortSignal,
): Promise<RemoteTree> => {
  const found = await fetchFile(open, request, reference, signal);
  const file = reference.name ?? found.offeredName ?? UNNAMED;
  const root = join(open.own, randomUUID());
  await mkdir(root, { recursive: true, mode: 0o700 });
  await link(found.path, fsPath(`${root}/${file}`));
  const digests: FileDigests = {
    digest: () => Promise.resolve(found.digest),
    flush: () => Promise.resolve(),
  };
  const label = withoutPassword(reference.url);
  return { tree: { root, label, digests, ignore: undefined, keepsOwners: false }, file };
};

const withGit = async <T>(
  open: Open,
  reference: GitReference,
  signal: AbortSignal,
  use: (git: Git) => Promise<T>,
): Promise<T> => {
  const { store, scratch, secrets, agent, proxies, hostCa } = open.request;
  await mkdir(store.directory, { recursive: true, mode: 0o700 });
  const { directory, limits } = store;
  const surroundings = { secrets, agent, proxies, hostCa, signal };
  await using git = await openGit({ reference, directory, scratch, limits, ...surroundings });
  return await use(git);
};

/** The repository with `--checksum` counted as the commit it must be. */
const checkedGit = (reference: GitReference, checksum: string | undefined): GitReference => {
  if (checksum === undefined || checksum === reference.commit) return reference;
  const url = withoutPassword(reference.remote);
  if (reference.commit !== undefined)
    throw sourcesErrors.badRemote({ url, problem: 'the URL and --checksum name different commits' });
  if (!/^(?:[0-9a-f]{7,40}|[0-9a-f]{64})$/u.test(checksum))
    throw sourcesErrors.badRemote({ url, problem: `the checksum "${checksum}" is not the hash of a commit` });
  return { ...reference, commit: checksum };
};

const resolve = (open: Open, reference: GitReference, signal: AbortSignal): Promise<ResolvedGit> => {
  const { remote, ref, commit } = reference;
  const key = JSON.stringify([remote, ref, commit]);
  return once(open.commits, key, () => withGit(open, reference, signal, (git) => resolveGit(git, reference)));
};

const gitParts = async (
  open: Open,
  request: RemoteRequest,
  reference: GitReference,
  signal: AbortSignal,
): Promise<readonly KeyPart[]> => {
  const { commit } = await resolve(open, reference, signal);
  const { subdirectory, submodules, remote } = reference;
  const keep = keepGitDir(request, reference);
  const flags = [subdirectory, keep ? 'keep-git-dir' : '', submodules ? '' : 'no-submodules'];
  return [{ kind: 'file', name: withoutPassword(remote), value: [commit, ...flags].join(' ').trim() }];
};

const keepGitDir = (request: RemoteRequest, reference: GitReference): boolean => {
  const { keepGitDir: asked } = request;
  const written = reference.keepGitDir;
  if (asked !== undefined && written !== undefined && asked !== written) {
    const url = withoutPassword(reference.remote);
    throw sourcesErrors.badRemote({ url, problem: 'the URL and --keep-git-dir contradict each other' });
  }
  return asked ?? written ?? false;
};

const openRepository = async (
  open: Open,
  request: RemoteRequest,
  reference: GitReference,
  signal: AbortSignal,
): Promise<RemoteTree> => {
  const { store } = open.request;
  const resolved = await resolve(open, reference, signal);
  const work = join(open.own, randomUUID());
  const directory = join(store.directory, 'git');
  await mkdir(work, { recursive: true, mode: 0o700 });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const { limits } = store;
  const keep = keepGitDir(request, reference);
  const root = await withGit(open, reference, signal, (git) =>
    store.alone(reference.remote, () =>
      checkoutGit({ git, reference, resolved, directory, work, keepGitDir: keep, limits, signal }),
    ),
  );
  const label = `the repository ${withoutPassword(reference.remote)}`;
  const digests = createPlainDigests(root);
  return { tree: { root, label, digests, ignore: undefined, keepsOwners: false }, file: undefined };
};

/** Opens the remote sources of one build. */
export const openRemoteSources = (request: RemoteSourcesRequest): RemoteSources => {
  const own = join(request.scratch, `remote-${randomUUID()}`);
  const open: Open = { request, own, downloads: new Map(), commits: new Map(), trees: new Map() };
  const settle = (asked: RemoteRequest): RemoteRequest => {
    const { reference, checksum } = asked;
    return reference.kind === 'git' ? { ...asked, reference: checkedGit(reference, checksum) } : asked;
  };
  return {
    limits: request.store.limits,
    identify: async (asked, signal) => {
      const settled = settle(asked);
      const { reference } = settled;
      return reference.kind === 'git'
        ? gitParts(open, settled, reference, signal)
        : httpParts(open, settled, reference, signal);
    },
    open: async (asked, signal) => {
      const settled = settle(asked);
      const { reference } = settled;
      return once(open.trees, JSON.stringify(settled), () =>
        reference.kind === 'git'
          ? openRepository(open, settled, reference, signal)
          : openFile(open, settled, reference, signal),
      );
    },
    [Symbol.asyncDispose]: () => rm(own, { recursive: true, force: true }),
  };
};
