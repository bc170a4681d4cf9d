import { createReadStream, existsSync, readFileSync, type BigIntStats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createPatternMatcher, parseIgnoreFile, type DirectoryState, type PatternMatcher } from '#dockerfile';
import { writeTar, type TarSource } from '#tar';

/** The Dockerfile of a context: a path inside of it, or text that gets this name in the archive. */
export interface ContextDockerfile {
  readonly name: string;
  readonly text?: string;
}

interface Walk {
  readonly root: string;
  readonly matcher: PatternMatcher;
  /** Sent whatever the ignore file says. */
  readonly always: ReadonlySet<string>;
}

const ignoreFileOf = (root: string, dockerfile: string): string | undefined =>
  [`${dockerfile}.dockerignore`, '.dockerignore'].find((name) => existsSync(join(root, name)));

const toSource = async (walk: Walk, path: string, stat: BigIntStats): Promise<TarSource | undefined> => {
  const absolute = join(walk.root, path);
  const head = { path, mode: Number(stat.mode & 0o7777n), mtimeNs: stat.mtimeNs };
  if (stat.isDirectory()) return { ...head, path: `${path}/`, kind: 'directory' };
  if (stat.isSymbolicLink()) return { ...head, kind: 'symlink', linkName: await readlink(absolute) };
  if (!stat.isFile()) return undefined;
  const size = Number(stat.size);
  return { ...head, kind: 'file', size, content: size === 0 ? Buffer.alloc(0) : createReadStream(absolute) };
};

async function* walkFolder(walk: Walk, folder: string, state?: DirectoryState): AsyncGenerator<TarSource> {
  const names = (await readdir(join(walk.root, folder))).toSorted();
  for (const name of names) {
    const path = folder === '' ? name : `${folder}/${name}`;
    const judged = walk.matcher.judge(path, state);
    const stat = await lstat(join(walk.root, path), { bigint: true });
    const needed = [...walk.always].some((file) => file === path || file.startsWith(`${path}/`));
    const left = judged.matches && !needed;
    if (left && !(stat.isDirectory() && walk.matcher.mayTakeBackInside(path))) continue;
    const source = left ? undefined : await toSource(walk, path, stat);
    if (source !== undefined) yield source;
    if (stat.isDirectory()) yield* walkFolder(walk, path, judged.state);
  }
}

/** A context as a tar stream: what `.dockerignore` leaves in, the Dockerfile and the ignore file always, owner root. */
export const contextArchive = (root: string, dockerfile: ContextDockerfile): Promise<Readable> => {
  const ignoreFile = ignoreFileOf(root, dockerfile.name);
  const patterns =
    ignoreFile === undefined ? [] : parseIgnoreFile(readFileSync(join(root, ignoreFile), 'utf8'));
  const always = [dockerfile.text === undefined ? dockerfile.name : undefined, ignoreFile];
  const walk: Walk = {
    root,
    matcher: createPatternMatcher(patterns),
    always: new Set(always.filter((name) => name !== undefined)),
  };
  const sources = async function* (): AsyncGenerator<TarSource> {
    yield* walkFolder(walk, '');
    if (dockerfile.text !== undefined)
      yield { path: dockerfile.name, kind: 'file', content: Buffer.from(dockerfile.text) };
  };
  return Promise.resolve(Readable.from(writeTar(sources()), { objectMode: false }));
};

/** An archive that has nothing but a Dockerfile. */
export const dockerfileArchive = (text: string): AsyncGenerator<Uint8Array> =>
  writeTar([{ path: 'Dockerfile', kind: 'file', content: Buffer.from(text) }]);
