import { createReadStream, realpathSync, type BigIntStats } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { basename, join, posix, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { writeTar, type TarSource } from '#tar';
import type { DockerClient } from '#client';
import type { Cli } from './context.ts';
import { followLink, insidePath, isDirectory, statInside, type ContainerPlace } from './container-archive.ts';
import { cliErrors } from './errors.ts';
import { openInput } from './input-file.ts';
import { containerPath } from './paths.ts';

export interface CopyToOptions {
  readonly followLinks: boolean;
  readonly archive: boolean;
  /** A local path, or `-` for a tar on stdin. */
  readonly source: string;
}

interface Counter {
  bytes: number;
}

const toSource = async (
  absolute: string,
  path: string,
  stat: BigIntStats,
): Promise<TarSource | undefined> => {
  const head = {
    path,
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mtimeNs: stat.mtimeNs,
  };
  if (stat.isDirectory()) return { ...head, path: `${path}/`, kind: 'directory' };
  if (stat.isSymbolicLink()) return { ...head, kind: 'symlink', linkName: await readlink(absolute) };
  if (!stat.isFile()) return undefined;
  const size = Number(stat.size);
  return { ...head, kind: 'file', size, content: size === 0 ? Buffer.alloc(0) : createReadStream(absolute) };
};

async function* entriesOf(absolute: string, path: string, counter: Counter): AsyncGenerator<TarSource> {
  const stat = await lstat(absolute, { bigint: true });
  const source = await toSource(absolute, path, stat);
  if (source !== undefined) yield source;
  if (stat.isFile()) counter.bytes += Number(stat.size);
  if (!stat.isDirectory()) return;
  for (const name of (await readdir(absolute)).toSorted())
    yield* entriesOf(join(absolute, name), `${path}/${name}`, counter);
}

interface Destination {
  /** A folder inside the container. */
  readonly folder: string;
  /** The name that the source gets there. */
  readonly name: string;
}

const destination = async (
  client: DockerClient,
  to: ContainerPlace,
  source: { readonly name: string; readonly contents: boolean; readonly folder: boolean },
): Promise<Destination> => {
  const target = await followLink(client, to);
  const inside = posix.resolve('/', target.path);
  const found = await statInside(client, { ...target, path: inside });
  if (found !== undefined && isDirectory(found))
    return { folder: inside, name: source.contents ? '.' : source.name };
  if (found !== undefined && source.folder)
    throw cliErrors.argumentInvalid({
      problem: `cannot copy a directory to a file: ${to.path}`,
      advice: 'name a directory, or a path that does not exist yet',
    });
  if (found === undefined && insidePath(to.path).endsWith('/') && !source.folder)
    throw cliErrors.argumentInvalid({
      problem: `no such directory: ${to.path}`,
      advice: 'make it first, or leave out the last slash',
    });
  return { folder: posix.dirname(inside), name: posix.basename(inside) };
};

const put = async (
  cli: Cli,
  to: ContainerPlace,
  archive: { readonly stream: Readable; readonly keepOwners: boolean },
): Promise<void> => {
  const client = await cli.client();
  await client.json({
    method: 'PUT',
    path: containerPath(to.container, '/archive'),
    query: {
      path: to.path,
      noOverwriteDirNonDir: 'true',
      copyUIDGID: archive.keepOwners ? 'true' : undefined,
    },
    contentType: 'application/x-tar',
    stream: archive.stream,
    signal: cli.signal,
  });
};

const statLocal = async (path: string): Promise<BigIntStats> => {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw cliErrors.fileUnreadable({ path, problem }, error);
  }
};

/** Copies a local path into a container; returns the bytes of content. */
export const copyToContainer = async (
  cli: Cli,
  to: ContainerPlace,
  options: CopyToOptions,
): Promise<number> => {
  if (options.source === '-') {
    const stream = await openInput(cli, '-');
    await put(cli, { ...to, path: insidePath(to.path) }, { stream, keepOwners: options.archive });
    return 0;
  }
  const named = resolve(options.source);
  await statLocal(named);
  const contents = options.source.endsWith('/.') || options.source === '.';
  const absolute =
    options.followLinks || contents || options.source.endsWith('/') ? realpathSync(named) : named;
  const folder = (await statLocal(absolute)).isDirectory();
  const target = await destination(await cli.client(), to, { name: basename(named), contents, folder });
  const counter: Counter = { bytes: 0 };
  const stream = Readable.from(writeTar(entriesOf(absolute, target.name, counter)), { objectMode: false });
  await put(cli, { container: to.container, path: target.folder }, { stream, keepOwners: options.archive });
  return counter.bytes;
};
