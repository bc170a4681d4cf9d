import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { finished, Readable } from 'node:stream';
import { packingOf, unpackedBytes } from '#tar';
import { libraryErrors } from './errors.ts';

/** Programs of the machine for what node:zlib does not unpack. */
const PROGRAMS = { bzip2: ['bzip2', '-dc'], xz: ['xz', '-dc'] } as const;

type Foreign = keyof typeof PROGRAMS;

const HEAD_BYTES = 6;
const MAX_STDERR = 4096;

/** The chunks of a stream, and its first bytes without taking them. A reader that stops leaves the stream open. */
const peek = async (chunks: AsyncIterable<Uint8Array>) => {
  const iterator = chunks[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < HEAD_BYTES) {
    const next = await iterator.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  async function* all(): AsyncGenerator<Uint8Array, void, undefined> {
    if (head.length > 0) yield head;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  }
  return { head, all };
};

/** What a program makes of the chunks on its standard output; its failure is the reader's. */
async function* unpackBy(
  packing: Foreign,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const [program, ...args] = PROGRAMS[packing];
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const started = once(child, 'spawn');
  const ended = once(child, 'close') as Promise<[number | null]>;
  ended.catch(() => undefined);
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-MAX_STDERR)));
  child.stdin.on('error', () => undefined);
  try {
    await started.catch((error: unknown) => {
      throw libraryErrors.packingUnsupported({ packing, program }, error);
    });
    const input = Readable.from(chunks, { objectMode: false });
    const forget = finished(
      input,
      (error) => void (error === undefined || child.stdout.destroy(error ?? undefined)),
    );
    input.pipe(child.stdin);
    yield* child.stdout as AsyncIterable<Buffer>;
    forget();
    const [code] = await ended;
    if (code !== 0)
      throw libraryErrors.archiveUnreadable({ reason: `${program}: ${said.trim() || 'it failed'}` });
  } finally {
    child.kill();
  }
}

/** The bytes of an archive, unpacked where only a program can; those packed by gzip or zstd are left as they are. */
export const foreignUnpacked = async (
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ readonly bytes: AsyncIterable<Uint8Array>; readonly packed: boolean }> => {
  const { head, all } = await peek(chunks);
  const packing = packingOf(head);
  const foreign = packing === 'bzip2' || packing === 'xz';
  return {
    bytes: foreign ? unpackBy(packing, all()) : all(),
    packed: packing === 'gzip' || packing === 'zstd',
  };
};

/**
 * The bytes of an archive that may be packed by gzip, zstd, bzip2 or xz; the last two where their programs are
 * installed.
 */
export const archiveBytes = async (chunks: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> => {
  const { bytes, packed } = await foreignUnpacked(chunks);
  return packed ? await unpackedBytes(bytes) : bytes;
};

/** Ends a stream that nobody reads any more; some complain of that, which nobody is to hear. */
export const letGo = (stream: Readable): void => void stream.on('error', () => undefined).destroy();
