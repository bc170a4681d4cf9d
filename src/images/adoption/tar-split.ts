import { constants, createReadStream, read as readCallback, close as closeCallback } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { pipeline } from 'node:stream';
import { promisify } from 'node:util';
import { openInRoot } from '#sys';
import { adoptionErrors } from './errors.ts';

const readFile = promisify(readCallback);
const closeFile = promisify(closeCallback);

const CHUNK = 256 * 1024;
/** Of one line: a header with its extended header and padding. */
const MAX_LINE = 64 * 1024 * 1024;

/** One piece of a tar as tar-split keeps it: bytes between files, or a file of the layer's directory. */
export type TarPiece =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'file'; readonly name: string; readonly size: number };

interface Line {
  readonly type?: unknown;
  readonly name?: unknown;
  readonly name_raw?: unknown;
  readonly size?: unknown;
  readonly payload?: unknown;
}

const FILE = 1;
const SEGMENT = 2;

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

const pieceOf = (line: string, path: string): TarPiece | undefined => {
  const { type, name, name_raw: raw, size = 0, payload } = JSON.parse(line) as Line;
  if (type === SEGMENT) return { kind: 'bytes', bytes: Buffer.from(text(payload), 'base64') };
  if (type !== FILE || typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw adoptionErrors.folderDamaged({ path, reason: 'an entry of it has another form' });
  if (size === 0) return undefined;
  return { kind: 'file', name: raw === undefined ? text(name) : rawName(raw, path), size };
};

/** A name that is not UTF-8; paths are opened by text here. */
const rawName = (raw: unknown, path: string): string => {
  const bytes = Buffer.from(text(raw), 'base64');
  const name = bytes.toString();
  if (Buffer.from(name).equals(bytes)) return name;
  throw adoptionErrors.folderDamaged({ path, reason: `the name ${JSON.stringify(name)} in it is not UTF-8` });
};

async function* linesOf(path: string): AsyncGenerator<string, void, undefined> {
  const unpacked = pipeline(createReadStream(path), createGunzip({ chunkSize: CHUNK }), () => undefined);
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of unpacked as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, from)) {
      yield bytes.toString('utf8', from, end);
      from = end + 1;
    }
    rest = bytes.subarray(from);
    if (rest.length > MAX_LINE)
      throw adoptionErrors.folderDamaged({ path, reason: 'a line of it has no end' });
  }
  if (rest.length > 0) yield rest.toString();
}

/** The pieces of a layer's tar in their order. */
export async function* tarPieces(path: string): AsyncGenerator<TarPiece, void, undefined> {
  try {
    for await (const line of linesOf(path)) {
      const piece = line === '' ? undefined : pieceOf(line, path);
      if (piece !== undefined) yield piece;
    }
  } catch (error) {
    if (
      !(error instanceof SyntaxError) &&
      !(error instanceof Error && 'code' in error && String(error.code).startsWith('Z_'))
    )
      throw error;
    throw adoptionErrors.folderDamaged({ path, reason: 'its compressed form is damaged or cut off' }, error);
  }
}

/** Bytes of the tar that the pieces make. */
export const tarSize = async (path: string): Promise<number> => {
  let size = 0;
  for await (const piece of tarPieces(path)) size += piece.kind === 'bytes' ? piece.bytes.length : piece.size;
  return size;
};

const openFile = (directory: string, name: string): number => {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    return openInRoot(directory, name, { flags });
  } catch (error) {
    throw adoptionErrors.folderDamaged({ path: `${directory}/${name}`, reason: 'it is missing' }, error);
  }
};

/** The content of one file of the layer, which nothing outside its directory can stand for. */
async function* fileBytes(
  directory: string,
  { name, size }: { readonly name: string; readonly size: number },
): AsyncGenerator<Buffer, void, undefined> {
  const fd = openFile(directory, name);
  try {
    for (let position = 0; position < size;) {
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK, size - position));
      const { bytesRead } = await readFile(fd, buffer, 0, buffer.length, position);
      if (bytesRead === 0)
        throw adoptionErrors.folderDamaged({
          path: `${directory}/${name}`,
          reason: 'it is shorter than it was',
        });
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await closeFile(fd);
  }
}

/** The tar of a layer, byte for byte as Docker took it in, when nothing was changed since. */
export async function* reassembleTar(
  path: string,
  directory: string,
): AsyncGenerator<Buffer, void, undefined> {
  for await (const piece of tarPieces(path)) {
    if (piece.kind === 'bytes') yield piece.bytes;
    else yield* fileBytes(directory, piece);
  }
}
