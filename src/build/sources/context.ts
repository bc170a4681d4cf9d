import { randomUUID } from 'node:crypto';
import { closeSync, constants, fstatSync, readFileSync } from 'node:fs';
import { mkdir, readdir, realpath, rm, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import { closest, createPatternMatcher, parseIgnoreFile } from '#dockerfile';
import { openInRoot } from '#sys';
import { sourcesErrors } from './errors.ts';
import { createPlainDigests, type DigestStore, type FileDigests } from './file-digests.ts';
import type { FileTree } from './file-tree.ts';
import { spoolContext } from './spool-context.ts';
import type { ContextRequest } from './types.ts';

/** An open build context with its Dockerfile. */
export interface OpenContext extends AsyncDisposable {
  readonly tree: FileTree;
  readonly dockerfile: { readonly name: string; readonly text: string };
  /** Tells contexts apart when misses are explained. */
  readonly scope: string;
}

interface ContextDependencies {
  /** Where archives are written while they are built. */
  readonly scratch: string;
  readonly digests: DigestStore;
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
    if (text !== undefined) return { file, matcher: createPatternMatcher(parseIgnoreFile(text)) };
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

const openDirectory = async (
  dependencies: ContextDependencies,
  request: ContextRequest,
  path: string,
): Promise<OpenContext> => {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw sourcesErrors.contextNotFound({ path });
  if (!found.isDirectory()) throw sourcesErrors.contextNotDirectory({ path });
  const root = await realpath(path);
  const digests = dependencies.digests.open(root);
  const opened = await openAt(request, { root, label: path, scope: root, digests });
  return { ...opened, [Symbol.asyncDispose]: () => digests.flush() };
};

const openArchive = async (
  dependencies: ContextDependencies,
  request: ContextRequest,
  stream: Readable,
): Promise<OpenContext> => {
  const own = join(dependencies.scratch, `context-${randomUUID()}`);
  // The files keep the modes of the archive, their root too: what keeps others out is the directory around them.
  const root = join(own, 'files');
  const remove = (): Promise<void> => rm(own, { recursive: true, force: true });
  try {
    await mkdir(own, { recursive: true, mode: 0o700 });
    await mkdir(root, { mode: 0o755 });
    const signal = request.signal ?? new AbortController().signal;
    const spooled = await spoolContext({ stream, root, signal });
    const plain = createPlainDigests(root);
    const digests: FileDigests = {
      digest: (name, stats, aborted) =>
        Promise.resolve(spooled.digests.get(name) ?? plain.digest(name, stats, aborted)),
      flush: () => Promise.resolve(),
    };
    const scope = `archive:${request.tags?.[0] ?? ''}`;
    const opened = await openAt(request, { root, label: 'the archive that was sent', scope, digests });
    return { ...opened, [Symbol.asyncDispose]: remove };
  } catch (error) {
    stream.destroy();
    await remove();
    throw error;
  }
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
  return Promise.reject(sourcesErrors.remoteContext({ url: context.url }));
};
