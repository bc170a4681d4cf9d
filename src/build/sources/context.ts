import { randomUUID } from 'node:crypto';
import { closeSync, constants, createReadStream, fstatSync, readFileSync } from 'node:fs';
import { mkdir, open, readdir, readFile, realpath, rm, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import { closest, createPatternMatcher, parseIgnoreFile } from '#dockerfile';
import { openInRoot } from '#sys';
import { packingOf } from '#tar';
import { sourcesErrors } from './errors.ts';
import { createPlainDigests, type DigestStore, type FileDigests } from './file-digests.ts';
import type { FileTree } from './file-tree.ts';
import { parseRemoteContext } from './remote-reference.ts';
import type { RemoteSources } from './remote-sources.ts';
import { spoolContext } from './spool-context.ts';
import type { ContextRequest, NamedContext } from './types.ts';

/** An open build context with its Dockerfile. */
export interface OpenContext extends AsyncDisposable {
  readonly tree: FileTree;
  readonly dockerfile: { readonly name: string; readonly text: string };
  /** Tells contexts apart when misses are explained. */
  readonly scope: string;
}

export interface ContextDependencies {
  /** Where archives are written while they are built. */
  readonly scratch: string;
  readonly digests: DigestStore;
  /** Fetches what contexts name elsewhere. */
  readonly remote: RemoteSources;
}

const DEFAULT_NAME = 'Dockerfile';
const IGNORE_FILE = '.dockerignore';
/** Largest Dockerfile or ignore file. */
const MAX_TEXT_BYTES = 16 << 20;

/** Name of the Dockerfile inside the context; undefined when its text came with the request. */
const dockerfileName = (request: ContextRequest): string | undefined => {
  if (typeof request.dockerfile === 'object') return undefined;
  const written = request.dockerfile ?? '';
  return posix.normalize(posix.join('/', written === '' ? DEFAULT_NAME : written)).slice(1);
};

const ignoreNames = (dockerfile: string | undefined): readonly string[] =>
  dockerfile === undefined ? [IGNORE_FILE] : [`${dockerfile}${IGNORE_FILE}`, IGNORE_FILE];

const readInside = (root: string, name: string): string | undefined => {
  let fd: number;
  try {
    fd = openInRoot(root, name, { flags: constants.O_RDONLY | constants.O_NONBLOCK });
  } catch {
    return undefined;
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) return undefined;
    if (stats.size > MAX_TEXT_BYTES) throw sourcesErrors.textTooLarge({ path: name });
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
};

const readDockerfile = async (request: ContextRequest, root: string, label: string) => {
  if (typeof request.dockerfile === 'object') return { name: DEFAULT_NAME, text: request.dockerfile.inline };
  const name = dockerfileName(request) ?? DEFAULT_NAME;
  const text = readInside(root, name);
  if (text !== undefined) return { name, text };
  const folder = posix.dirname(name);
  const names = await readdir(join(root, folder)).catch(() => []);
  const others = names.filter((each) => each !== posix.basename(name));
  const nearby = closest(posix.basename(name), others) ?? others.find((each) => /dockerfile/iu.test(each));
  throw sourcesErrors.noDockerfile({
    path: name,
    context: label,
    nearby: nearby === undefined ? undefined : posix.join(folder, nearby),
  });
};

const readIgnore = (root: string, dockerfile: string | undefined): FileTree['ignore'] => {
  for (const file of ignoreNames(dockerfile)) {
    const text = readInside(root, file);
    if (text !== undefined) return { file, text, matcher: createPatternMatcher(parseIgnoreFile(text)) };
  }
  return undefined;
};

const LABEL = 'the build context';

const openAt = async (
  request: ContextRequest,
  at: {
    readonly root: string;
    readonly label: string;
    readonly scope: string;
    readonly digests: FileDigests;
  },
): Promise<Omit<OpenContext, typeof Symbol.asyncDispose>> => {
  const dockerfile = await readDockerfile(request, at.root, at.label);
  const ignore = readIgnore(at.root, dockerfileName(request));
  const { root, digests } = at;
  const tree = { root, label: LABEL, digests, ignore, keepsOwners: false };
  return { tree, dockerfile, scope: `${at.scope}:${dockerfile.name}` };
};

const rootOf = async (path: string): Promise<string> => {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw sourcesErrors.contextNotFound({ path });
  if (!found.isDirectory()) throw sourcesErrors.contextNotDirectory({ path });
  return await realpath(path);
};

const openDirectory = async (
  dependencies: ContextDependencies,
  request: ContextRequest,
  path: string,
): Promise<OpenContext> => {
  const root = await rootOf(path);
  const digests = dependencies.digests.open(root);
  const opened = await openAt(request, { root, label: path, scope: root, digests });
  return { ...opened, [Symbol.asyncDispose]: () => digests.flush() };
};

/** An archive's files on the host, until they are disposed. */
interface SpooledTree extends AsyncDisposable {
  readonly root: string;
  readonly digests: FileDigests;
}

const spoolTree = async (
  dependencies: ContextDependencies,
  stream: Readable,
  signal: AbortSignal,
): Promise<SpooledTree> => {
  const own = join(dependencies.scratch, `context-${randomUUID()}`);
  // The files keep the modes of the archive, their root too: what keeps others out is the directory around them.
  const root = join(own, 'files');
  const remove = (): Promise<void> => rm(own, { recursive: true, force: true });
  try {
    await mkdir(own, { recursive: true, mode: 0o700 });
    await mkdir(root, { mode: 0o755 });
    const spooled = await spoolContext({ stream, root, limits: dependencies.remote.limits, signal });
    const plain = createPlainDigests(root);
    const digests: FileDigests = {
      digest: (name, stats, aborted) => spooled.digest(stats) ?? plain.digest(name, stats, aborted),
      flush: () => Promise.resolve(),
    };
    return { root, digests, [Symbol.asyncDispose]: remove };
  } catch (error) {
    stream.destroy();
    await remove();
    throw error;
  }
};

const openArchive = async (
  dependencies: ContextDependencies,
  request: ContextRequest,
  stream: Readable,
): Promise<OpenContext> => {
  const signal = request.signal ?? new AbortController().signal;
  const spooled = await spoolTree(dependencies, stream, signal);
  try {
    const { root, digests } = spooled;
    const scope = `archive:${request.tags?.[0] ?? ''}`;
    const opened = await openAt(request, { root, label: 'the archive that was sent', scope, digests });
    return { ...opened, [Symbol.asyncDispose]: () => spooled[Symbol.asyncDispose]() };
  } catch (error) {
    await spooled[Symbol.asyncDispose]();
    throw error;
  }
};

const HEAD_BYTES = 512;

/** Whether a file is an archive, plain or packed, by its first bytes. */
const looksLikeArchive = async (path: string): Promise<boolean> => {
  await using file = await open(path);
  const head = Buffer.alloc(HEAD_BYTES);
  const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0);
  return packingOf(head.subarray(0, bytesRead)) !== 'none' || head.toString('latin1', 257, 262) === 'ustar';
};

/** A Dockerfile alone: there is nothing to copy from. */
const openText = async (
  dependencies: ContextDependencies,
  request: ContextRequest,
  path: string,
): Promise<OpenContext> => {
  const { size } = await stat(path);
  if (size > MAX_TEXT_BYTES)
    throw sourcesErrors.textTooLarge({ path: request.dockerfile === undefined ? path : LABEL });
  const text = await readFile(path, 'utf8');
  const root = join(dependencies.scratch, `context-${randomUUID()}`);
  await mkdir(root, { recursive: true, mode: 0o700 });
  const dockerfile = typeof request.dockerfile === 'object' ? request.dockerfile : { inline: text };
  const at = { root, label: 'the address', scope: 'address', digests: createPlainDigests(root) };
  const opened = await openAt({ ...request, dockerfile }, at);
  return { ...opened, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
};

/** A git repository, an archive or a Dockerfile at a URL. */
const openRemote = async (
  dependencies: ContextDependencies,
  request: ContextRequest,
  url: string,
): Promise<OpenContext> => {
  const reference = parseRemoteContext(url);
  if (reference === undefined)
    throw sourcesErrors.badRemote({ url, problem: 'it is neither a web address nor a git repository' });
  const signal = request.signal ?? new AbortController().signal;
  const keepGitDir = request.buildArgs?.['BUILDKIT_CONTEXT_KEEP_GIT_DIR'] === '1' ? true : undefined;
  const { tree, file } = await dependencies.remote.open({ reference, keepGitDir }, signal);
  if (file === undefined) {
    const { root, digests } = tree;
    const opened = await openAt(request, { root, label: tree.label, scope: `git:${tree.label}`, digests });
    return { ...opened, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const path = join(tree.root, file);
  return (await looksLikeArchive(path))
    ? openArchive(dependencies, request, createReadStream(path))
    : openText(dependencies, request, path);
};

/**
 * Opens the context of a build: a directory is read in place, an archive is written beneath the root first and removed
 * when the context is disposed.
 *
 * @throws `SOURCES_CONTEXT_NOT_FOUND`, `SOURCES_NO_DOCKERFILE`, `SOURCES_UNSAFE_CONTEXT`
 */
export const openContext = (
  dependencies: ContextDependencies,
  request: ContextRequest,
): Promise<OpenContext> => {
  const { context } = request;
  if (context.kind === 'directory') return openDirectory(dependencies, request, context.path);
  if (context.kind === 'tar') return openArchive(dependencies, request, context.stream);
  return openRemote(dependencies, request, context.url);
};

/** The files of a named context; its own `.dockerignore` holds. Disposing lets them go. */
export interface OpenTree extends AsyncDisposable {
  readonly tree: FileTree;
}

/**
 * Opens a named context that is a directory, a repository or an archive at a URL.
 *
 * @throws `SOURCES_CONTEXT_NOT_FOUND`, `SOURCES_BAD_REMOTE`, the errors of fetching
 */
export const openTree = async (
  dependencies: ContextDependencies,
  context: Extract<NamedContext, { readonly kind: 'directory' | 'remote' }>,
  signal: AbortSignal,
): Promise<OpenTree> => {
  if (context.kind === 'directory') {
    const root = await rootOf(context.path);
    const digests = dependencies.digests.open(root);
    const ignore = readIgnore(root, undefined);
    const tree = { root, label: LABEL, digests, ignore, keepsOwners: false };
    return { tree, [Symbol.asyncDispose]: () => digests.flush() };
  }
  const { url } = context;
  const reference = parseRemoteContext(url);
  if (reference === undefined)
    throw sourcesErrors.badRemote({ url, problem: 'it is neither a web address nor a git repository' });
  const { tree, file } = await dependencies.remote.open({ reference }, signal);
  if (file === undefined)
    return {
      tree: { ...tree, ignore: readIgnore(tree.root, undefined) },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  const path = join(tree.root, file);
  if (!(await looksLikeArchive(path))) return { tree, [Symbol.asyncDispose]: () => Promise.resolve() };
  const spooled = await spoolTree(dependencies, createReadStream(path), signal);
  const { root, digests } = spooled;
  const ignore = readIgnore(root, undefined);
  return {
    tree: { root, label: LABEL, digests, ignore, keepsOwners: false },
    [Symbol.asyncDispose]: () => spooled[Symbol.asyncDispose](),
  };
};
