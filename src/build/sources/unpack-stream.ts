import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { decompress, packingOf, type Packing } from '#tar';
import { sourcesErrors } from './errors.ts';

const HEAD_BYTES = 6;

/** Standard output of a program that unpacks `input`; destroying it ends both. */
const program = (name: string, input: Readable): Readable => {
  const child = spawn(name, ['-dc'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const output = child.stdout;
  child.on('error', (error: NodeJS.ErrnoException) =>
    output.destroy(error.code === 'ENOENT' ? sourcesErrors.unpackerMissing({ program: name }, error) : error),
  );
  child.on('close', (code) => {
    if (code !== 0) output.destroy(new Error(`${name} ended with ${code}`));
  });
  output.once('close', () => input.destroy());
  pipeline(input, child.stdin).catch((error: NodeJS.ErrnoException) => {
    // A program that stops reading says why by its exit code.
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') output.destroy(error);
  });
  return output;
};

/** What is packed in `input`. bzip2 and xz are unpacked by the machine's programs. @throws `SOURCES_UNPACKER_MISSING` */
export const unpackStream = (packing: Packing, input: Readable): Readable => {
  if (packing === 'gzip' || packing === 'zstd') return decompress(packing, input as AsyncIterable<Buffer>);
  return packing === 'none' ? input : program(packing, input);
};

/** The same for a stream whose packing its first bytes tell. */
export const unpackAny = async (stream: Readable): Promise<AsyncIterable<Uint8Array>> => {
  const iterator = (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < HEAD_BYTES) {
    const next = await iterator.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  const all = async function* (): AsyncGenerator<Buffer> {
    if (head.length > 0) yield head;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  };
  return unpackStream(packingOf(head), Readable.from(all(), { objectMode: false }));
};
