import { createRequire } from 'node:module';
import { constants } from 'node:os';
import type * as Koffi from 'koffi';
import { callError, sysErrors } from './errors.ts';

/** A declared C function. Numbers outside the safe range are given and returned as bigint. */
export type LibcFunction = (...args: readonly unknown[]) => number | bigint;

type KoffiModule = typeof Koffi;

/** What koffi adds to a declared function: the last argument is called back. */
interface AsyncLibcFunction {
  readonly async: (...args: readonly unknown[]) => void;
}

let loaded: { readonly koffi: KoffiModule; readonly libc: Koffi.LibraryHandle } | undefined;

const load = (): NonNullable<typeof loaded> => {
  if (loaded !== undefined) return loaded;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as KoffiModule;
    loaded = { koffi, libc: koffi.load(null) };
    return loaded;
  } catch (error) {
    throw sysErrors.libcMissing({ message: String(error) }, error);
  }
};

/**
 * Declares one function of the C library, such as `int umount2(const char *target, int flags)`.
 *
 * Nothing is loaded before the first call: koffi costs about 15 ms once. Types follow koffi; `ssize_t` is `long` there.
 */
export const libcFunction = (definition: string): LibcFunction => {
  let declared: LibcFunction | undefined;
  return (...args) => {
    declared ??= load().libc.func(definition) as LibcFunction;
    return declared(...args);
  };
};

/** Arguments of calls under way on other threads: koffi itself keeps no buffer from being collected meanwhile. */
const underWay = new Set<readonly unknown[]>();

/**
 * The same on a thread of the pool, for calls that wait long in the kernel. Resolves with what the function returned;
 * the error number is not known then. Buffers among the arguments must stay untouched until it resolves.
 */
export const libcFunctionAsync = (
  definition: string,
): ((...args: readonly unknown[]) => Promise<number | bigint>) => {
  let declared: AsyncLibcFunction | undefined;
  return async (...args) => {
    const call = (declared ??= load().libc.func(definition) as unknown as AsyncLibcFunction);
    return await new Promise((resolve, reject) => {
      underWay.add(args);
      call.async(...args, (error: Error | null | undefined, result: number | bigint) => {
        underWay.delete(args);
        if (error === null || error === undefined) resolve(result);
        else reject(sysErrors.libcMissing({ message: error.message }, error));
      });
    });
  };
};

/**
 * A path for a `const char *`: text as it is, bytes with the zero behind them that koffi does not add. C would cut a
 * path at a zero byte inside, and take U+FFFD for half a character: no file has such a name.
 */
export const pathArgument = (call: string, path: string | Buffer): string | Buffer => {
  const isText = typeof path === 'string';
  if (isText ? path.includes('\0') || !path.isWellFormed() : path.includes(0))
    throw callError({ call, target: String(path), errno: 'ENOENT', text: 'no file can have this name' });
  return isText ? path : Buffer.concat([path, Buffer.of(0)]);
};

/**
 * Address of a buffer's first byte, for a pointer inside a struct. Nothing but the buffer itself keeps it valid: put
 * what is pointed to into the buffer that is the argument of the call.
 */
export const addressOf = (buffer: Uint8Array): bigint => load().koffi.address(buffer);

/** Name of an error number, such as `ENOENT`. */
export const errnoName = (number: number): string => {
  const found = Object.entries(constants.errno).find(([, value]) => value === number);
  return found?.[0] ?? (number === 15 ? 'ENOTBLK' : `errno ${number}`);
};

/** Error number of the last call that failed, as its name; read it right after the call. */
export const lastErrno = (): string => errnoName(load().koffi.errno());

/** The result of a call on `target` as a number; a negative one is thrown as an error of this room. */
export const checked = (call: string, target: string, result: number | bigint): number => {
  const value = Number(result);
  if (value < 0) throw callError({ call, target, errno: lastErrno() });
  return value;
};
