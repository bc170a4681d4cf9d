import { constants, createGunzip } from 'node:zlib';

/** Unpacks gzip on the calling thread, into one buffer that is used again and again. */
export interface Inflater extends Disposable {
  /** Passes on what `bytes` unpack to, piece by piece; throws errors of node:zlib (code `Z_…`). */
  feed(bytes: Uint8Array): void;
  /** Says that no bytes follow; throws `Z_BUF_ERROR` where the data is cut off. */
  end(): void;
}

/** Small enough for a processor's cache, where the next who looks at a piece finds it. */
const OUTPUT_BYTES = 256 * 1024;

/**
 * The part of a zlib stream below its `Transform`, which has no public form: a stream of Node hands every chunk to a
 * pool thread and allocates each piece of its output, which for layers costs as much as the inflation itself.
 */
interface ZlibHandle {
  onerror: (message: string, errno: number, code: string) => void;
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void;
}

interface ZlibStream {
  readonly _handle: ZlibHandle;
  /** Room left in the output, bytes left of the input: after each write. */
  readonly _writeState: Uint32Array;
}

const NOTHING = Buffer.alloc(0);

/**
 * Makes an inflater of gzip data of any number of members, with the rules of `createGunzip`: zeros after the last
 * member are ignored. A piece given to `take` is overwritten once `take` returns.
 */
export const createInflater = (take: (piece: Buffer) => void): Inflater => {
  const stream = createGunzip();
  const { _handle: handle, _writeState: state } = stream as unknown as ZlibStream;
  const output = Buffer.allocUnsafeSlow(OUTPUT_BYTES);
  let failure: Error | undefined;
  let finished = false;
  handle.onerror = (message, errno, code) => (failure = Object.assign(new Error(message), { errno, code }));

  const write = (flush: number, bytes: Uint8Array): void => {
    for (let at = 0, room = 0; room === 0 && !finished;) {
      const given = bytes.length - at;
      handle.writeSync(flush, bytes, at, given, output, 0, OUTPUT_BYTES);
      if (failure !== undefined) throw failure;
      const [roomLeft = 0, inputLeft = 0] = state;
      room = roomLeft;
      at += given - inputLeft;
      if (room < OUTPUT_BYTES) take(output.subarray(0, OUTPUT_BYTES - room));
      // It wants no more although there is room: the data has ended before.
      finished = room > 0 && inputLeft > 0;
    }
  };

  return {
    feed: (bytes) => write(constants.Z_NO_FLUSH, bytes),
    end: () => write(constants.Z_FINISH, NOTHING),
    [Symbol.dispose]: () => void stream.destroy(),
  };
};
