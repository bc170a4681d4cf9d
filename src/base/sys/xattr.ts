import { errnoOf } from './errors.ts';
import { checked, libcFunction, pathArgument } from './libc.ts';

const cSet = libcFunction(
  'int lsetxattr(const char *path, const char *name, const uint8_t *value, size_t size, int flags)',
);
const cGet = libcFunction(
  'long lgetxattr(const char *path, const char *name, _Out_ uint8_t *value, size_t size)',
);
const cList = libcFunction('long llistxattr(const char *path, _Out_ uint8_t *list, size_t size)');
const cRemove = libcFunction('int lremovexattr(const char *path, const char *name)');

/**
 * Sets an extended attribute of the file itself, also of a symbolic link. The value may hold any bytes, and the path
 * may be bytes where it is not UTF-8, here and in all functions of this file.
 */
export const lsetXattr = (path: string | Buffer, name: string, value: Uint8Array): void => {
  const file = pathArgument('lsetxattr', path);
  checked('lsetxattr', String(path), cSet(file, name, value, value.byteLength, 0));
};

/** Reads into a buffer that is grown until the value, which may change meanwhile, fits. */
const readGrowing = (
  call: string,
  path: string | Buffer,
  read: (file: string | Buffer, buffer: Buffer) => number | bigint,
): Buffer => {
  const file = pathArgument(call, path);
  for (let size = 256; ; size *= 8) {
    const buffer = Buffer.alloc(size);
    try {
      return buffer.subarray(0, checked(call, String(path), read(file, buffer)));
    } catch (error) {
      if (errnoOf(error) !== 'ERANGE' || size > 131_072) throw error;
    }
  }
};

/** The value of an extended attribute of the file itself, or undefined where it has none of this name. */
export const lgetXattr = (path: string | Buffer, name: string): Buffer | undefined => {
  try {
    return readGrowing('lgetxattr', path, (file, buffer) => cGet(file, name, buffer, buffer.length));
  } catch (error) {
    if (errnoOf(error) === 'ENODATA') return undefined;
    throw error;
  }
};

/** Names of all extended attributes of the file itself; none where the file system keeps none. */
export const llistXattr = (path: string | Buffer): string[] => {
  try {
    const list = readGrowing('llistxattr', path, (file, buffer) => cList(file, buffer, buffer.length));
    return list.toString('utf8').split('\0').filter(Boolean);
  } catch (error) {
    if (errnoOf(error) === 'ENOTSUP' || errnoOf(error) === 'EOPNOTSUPP') return [];
    throw error;
  }
};

/** Removes an extended attribute of the file itself; a missing one is a `not-found` error (ENODATA). */
export const lremoveXattr = (path: string | Buffer, name: string): void => {
  checked('lremovexattr', String(path), cRemove(pathArgument('lremovexattr', path), name));
};
