import { createHash, randomUUID } from 'node:crypto';
import { lstat, lutimes, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sourcesErrors } from './errors.ts';
import type { Git } from './git-run.ts';
import { bytesText, type SourceLimits } from './remote-limits.ts';
import { withoutPassword, type GitReference } from './remote-reference.ts';
import { locate } from './resolve-in-root.ts';

/** What a reference stands for now. */
export interface ResolvedGit {
  readonly commit: string;
  /** The name it has on the server; undefined when the reference is the commit itself. */
  readonly refName: string | undefined;
}

const NUL = 0;
const SHA1_DIGITS = 40;
const FULL_COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/u;

const refsIn = (output: string): ReadonlyMap<string, string> =>
  new Map(
    output.split('\n').flatMap((line) => {
      const [commit = '', name] = line.split('\t');
      return name === undefined || !FULL_COMMIT.test(commit) ? [] : [[name, commit] as const];
    }),
  );

/** Branches win over tags, as git has it; an annotated tag stands for its commit. */
const pick = (refs: ReadonlyMap<string, string>, ref: string): ResolvedGit | undefined => {
  const names = [
    ref === 'HEAD' ? 'HEAD' : `refs/${ref.replace(/^refs\//u, '')}`,
    `refs/heads/${ref.replace(/^refs\/heads\//u, '')}`,
    `refs/tags/${ref.replace(/^refs\/tags\//u, '')}`,
  ];
  for (const name of names) {
    const commit = refs.get(`${name}^{}`) ?? refs.get(name);
    if (commit !== undefined) return { commit, refName: name };
  }
  return undefined;
};

const checkCommit = (
  reference: GitReference,
  wanted: string | undefined,
  found: ResolvedGit,
): ResolvedGit => {
  if (wanted === undefined || found.commit.startsWith(wanted)) return found;
  const url = withoutPassword(reference.remote);
  throw sourcesErrors.checksumMismatch({ url, wanted, got: found.commit });
};

/**
 * Asks the server which commit a reference is; a full commit is believed without asking.
 *
 * @throws `SOURCES_REMOTE_NOT_FOUND`, `SOURCES_CHECKSUM_MISMATCH`
 */
export const resolveGit = async (git: Git, reference: GitReference): Promise<ResolvedGit> => {
  const { remote, commit: wanted } = reference;
  const whole = wanted !== undefined && FULL_COMMIT.test(wanted) ? wanted : undefined;
  const ref = reference.ref ?? whole ?? 'HEAD';
  if (FULL_COMMIT.test(ref)) return checkCommit(reference, wanted, { commit: ref, refName: undefined });
  const refs = refsIn(await git.run(['ls-remote', '--', git.remote, ref, `${ref}^{}`]));
  const found = pick(refs, ref);
  if (found !== undefined) return checkCommit(reference, wanted, found);
  const problem = ref === 'HEAD' ? 'the repository is empty' : `the repository has no branch or tag ${ref}`;
  throw sourcesErrors.remoteNotFound({ url: withoutPassword(remote), problem });
};

interface Store {
  readonly git: Git;
  readonly reference: GitReference;
  /** The bare repository that keeps what was fetched. */
  readonly bare: string;
}

const bareGit = ({ git, bare }: Store, args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  git.run([`--git-dir=${bare}`, ...args], { env });

const hasCommit = (store: Store, commit: string): Promise<boolean> =>
  // Not only the commit: a fetch that was killed may have left no more than that.
  bareGit(store, ['rev-list', '--max-count=1', '--objects', '--quiet', '--missing=error', commit]).then(
    () => true,
    () => false,
  );

const isFinal = (error: unknown): boolean =>
  sourcesErrors.remoteRefused.is(error) ||
  sourcesErrors.gitMissing.is(error) ||
  sourcesErrors.remoteTimedOut.is(error);

/** Fetches the commit alone where the server allows it, else its name, else everything. */
const fetchCommit = async (
  store: Store,
  { commit, refName }: ResolvedGit,
  signal: AbortSignal,
): Promise<void> => {
  const { remote } = store.git;
  const shallow = ['fetch', '--quiet', '--force', '--no-tags', '--depth=1', '--', remote];
  const all = [
    'fetch',
    '--quiet',
    '--force',
    '--no-tags',
    '--',
    remote,
    '+refs/heads/*:refs/all/*',
    '+refs/tags/*:refs/all-tags/*',
  ];
  const tries = [
    [...shallow, `+${commit}:refs/commits/${commit}`],
    ...(refName === undefined ? [] : [[...shallow, `+${refName}:refs/named/${commit}`]]),
    all,
  ];
  let last: unknown;
  for (const args of tries) {
    try {
      await bareGit(store, args);
      last = undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (isFinal(error)) throw error;
      last = error;
    }
    if (await hasCommit(store, commit)) return;
  }
  if (last !== undefined) throw last;
  const url = withoutPassword(store.reference.remote);
  throw sourcesErrors.remoteNotFound({ url, problem: `the repository has no commit ${commit}` });
};

/** Refuses a tree of more bytes or entries than the limits allow, before anything of it is written. */
const measure = async (store: Store, commit: string, limits: SourceLimits): Promise<number> => {
  const what = withoutPassword(store.reference.remote);
  let rest = Buffer.alloc(0);
  let entries = 0;
  let bytes = 0;
  const take = (line: Buffer): void => {
    entries += 1;
    const size = Number(/^\d+ \w+ [0-9a-f]+ +(\d+)\t/u.exec(line.toString('latin1'))?.[1] ?? 0);
    bytes += size;
    if (entries > limits.treeEntries)
      throw sourcesErrors.tooLarge({ what: `the tree of ${what}`, limit: `${limits.treeEntries} files` });
    if (bytes > limits.treeBytes)
      throw sourcesErrors.tooLarge({ what: `the tree of ${what}`, limit: bytesText(limits.treeBytes) });
  };
  await store.git.run([`--git-dir=${store.bare}`, 'ls-tree', '-r', '-t', '-l', '-z', commit], {
    onOutput: (chunk) => {
      let data = Buffer.concat([rest, chunk]);
      for (let end = data.indexOf(NUL); end >= 0; end = data.indexOf(NUL)) {
        take(data.subarray(0, end));
        data = data.subarray(end + 1);
      }
      rest = Buffer.from(data);
    },
  });
  return entries;
};

/** Files only, without history. */
const checkoutFiles = async (store: Store, commit: string, work: string): Promise<void> => {
  const index = `${work}.index`;
  try {
    const env = { GIT_INDEX_FILE: index };
    await bareGit(store, [`--work-tree=${work}`, 'read-tree', commit], env);
    await bareGit(store, [`--work-tree=${work}`, 'checkout-index', '--all', '--force', '--quiet'], env);
  } finally {
    await rm(index, { force: true });
  }
};

/** A repository of its own, for `.git` and for submodules. */
const checkoutRepository = async (store: Store, resolved: ResolvedGit, work: string): Promise<void> => {
  const { git, bare } = store;
  const { commit, refName } = resolved;
  const at = (args: readonly string[], local = false) => git.run(['-C', work, ...args], { local });
  await at(['init', '--quiet', `--object-format=${commit.length > SHA1_DIGITS ? 'sha256' : 'sha1'}`]);
  await bareGit(store, ['update-ref', `refs/commits/${commit}`, commit]);
  await at(
    ['fetch', '--quiet', '--depth=1', '--no-tags', `file://${bare}`, `+refs/commits/${commit}:refs/fetched`],
    true,
  );
  const branch =
    refName?.startsWith('refs/heads/') === true ? refName.slice('refs/heads/'.length) : undefined;
  await at(
    branch === undefined
      ? ['checkout', '--quiet', '--force', '--detach', commit]
      : ['checkout', '--quiet', '--force', '-B', branch, commit],
  );
  await at(['update-ref', '-d', 'refs/fetched']);
  await at(['remote', 'add', 'origin', git.remote]);
};

const hasSubmodules = (store: Store, commit: string): Promise<boolean> =>
  bareGit(store, ['cat-file', '-e', `${commit}:.gitmodules`]).then(
    () => true,
    () => false,
  );

const dropGitFiles = async (directory: string): Promise<void> => {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.name === '.git') await rm(path, { recursive: true, force: true });
    else if (entry.isDirectory()) await dropGitFiles(path);
  }
};

const SLASH = Buffer.from('/');

/** Gives everything the time of its commit, so that the same commit gives the same layer. */
const setTimes = async (directory: Buffer, seconds: number): Promise<void> => {
  for (const entry of await readdir(directory, { withFileTypes: true, encoding: 'buffer' })) {
    const path = Buffer.concat([directory, SLASH, entry.name]);
    if (entry.isDirectory()) await setTimes(path, seconds);
    else await lutimes(path, seconds, seconds);
  }
  await lutimes(directory, seconds, seconds);
};

/** What submodules brought counts too; git tells of it only once it is there. */
const measureFiles = async (tree: string, what: string, limits: SourceLimits): Promise<void> => {
  let entries = 0;
  let bytes = 0;
  const waiting = [Buffer.from(tree)];
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    for (const entry of await readdir(directory, { withFileTypes: true, encoding: 'buffer' })) {
      const path = Buffer.concat([directory, SLASH, entry.name]);
      entries += 1;
      if (entry.isDirectory()) waiting.push(path);
      else if (entry.isFile()) bytes += (await lstat(path)).size;
    }
    if (entries > limits.treeEntries || bytes > limits.treeBytes)
      throw sourcesErrors.tooLarge({
        what: `the tree of ${what} with its submodules`,
        limit: `${bytesText(limits.treeBytes)} or ${limits.treeEntries} files`,
      });
  }
};

interface CheckoutRequest {
  readonly git: Git;
  readonly reference: GitReference;
  readonly resolved: ResolvedGit;
  /** Holds the repositories that are kept. */
  readonly directory: string;
  /** An empty private directory; the files come into `<work>/tree`. */
  readonly work: string;
  readonly keepGitDir: boolean;
  readonly limits: SourceLimits;
  readonly signal: AbortSignal;
}

export const bareRepository = (directory: string, remote: string): string =>
  join(directory, createHash('sha256').update(remote).digest('hex'));

const openStore = async ({ git, reference, directory, resolved }: CheckoutRequest): Promise<Store> => {
  const bare = bareRepository(directory, reference.remote);
  const store = { git, reference, bare };
  const whole = await bareGit(store, ['rev-parse', '--git-dir']).then(
    () => true,
    () => false,
  );
  if (whole) return store;
  const draft = `${bare}.${randomUUID()}`;
  const format = resolved.commit.length > SHA1_DIGITS ? 'sha256' : 'sha1';
  await git.run(['init', '--quiet', '--bare', `--object-format=${format}`, draft]);
  await rm(bare, { recursive: true, force: true });
  await rename(draft, bare);
  return store;
};

const narrow = async (request: CheckoutRequest, tree: string): Promise<string> => {
  const { subdirectory, remote } = request.reference;
  if (subdirectory === '') return tree;
  const found = locate(tree, subdirectory);
  if (found.stats?.isDirectory() !== true) {
    const problem = `the repository has no directory ${subdirectory}`;
    throw sourcesErrors.remoteNotFound({ url: withoutPassword(remote), problem });
  }
  const root = join(tree, found.path);
  if (request.keepGitDir) await rename(join(tree, '.git'), join(root, '.git'));
  return root;
};

/**
 * Brings the files of a commit into `<work>/tree` and gives the directory that the reference means. The caller sees to
 * it that one repository is fetched by one build at a time.
 */
export const checkoutGit = async (request: CheckoutRequest): Promise<string> => {
  const { git, reference, resolved, work, keepGitDir, limits, signal } = request;
  const store = await openStore(request);
  const { commit } = resolved;
  if (!(await hasCommit(store, commit))) await fetchCommit(store, resolved, signal);
  await measure(store, commit, limits);
  const tree = join(work, 'tree');
  await mkdir(tree, { recursive: true, mode: 0o755 });
  const submodules = reference.submodules && (await hasSubmodules(store, commit));
  if (submodules || keepGitDir) {
    await checkoutRepository(store, resolved, tree);
    if (submodules) {
      await git.run(['-C', tree, 'submodule', '--quiet', 'update', '--init', '--recursive', '--depth=1']);
      await measureFiles(tree, withoutPassword(reference.remote), limits);
    }
    if (!keepGitDir) await dropGitFiles(tree);
  } else await checkoutFiles(store, commit, tree);
  if (reference.times === 'commit') {
    const seconds = Number((await bareGit(store, ['log', '-1', '--format=%ct', commit])).trim());
    await setTimes(Buffer.from(tree), Number.isFinite(seconds) ? seconds : 0);
  }
  return narrow(request, tree);
};
