import { checked, libcFunction, pathArgument } from './libc.ts';

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const NS_PER_SECOND = 1_000_000_000n;

const cMknod = libcFunction('int mknod(const char *path, unsigned int mode, unsigned long device)');
const cUtimensat = libcFunction(
  'int utimensat(int directory, const char *path, const uint8_t *times, int flags)',
);
const cFutimens = libcFunction('int futimens(int file, const uint8_t *times)');

/** The kernel's 64-bit device number (glibc's gnu_dev_makedev). */
const deviceNumber = (major: number, minor: number): bigint => {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return (
    ((high & 0xff_ff_f0_00n) << 32n) |
    ((high & 0xf_ffn) << 8n) |
    ((low & 0xff_ff_ff_00n) << 12n) |
    (low & 0xffn)
  );
};

/**
 * Makes a device, FIFO or socket node; `mode` holds the type (`constants.S_IFCHR` …) and the permission bits, which
 * the umask narrows. `0, 0` with S_IFCHR is an overlay whiteout. Fails where the path exists. The path may be bytes where
 * it is not UTF-8, here and in `lutimesNs`.
 */
export const mknod = (path: string | Buffer, mode: number, major = 0, minor = 0): void => {
  const file = pathArgument('mknod', path);
  checked('mknod', String(path), cMknod(file, mode, deviceNumber(major, minor)));
};

/** Seconds and nanoseconds as struct timespec; nanoseconds are never negative, also before 1970. */
const writeTimespec = (buffer: Buffer, offset: number, time: bigint): void => {
  const remainder = ((time % NS_PER_SECOND) + NS_PER_SECOND) % NS_PER_SECOND;
  buffer.writeBigInt64LE((time - remainder) / NS_PER_SECOND, offset);
  buffer.writeBigInt64LE(remainder, offset + 8);
};

const timespecs = (atimeNs: bigint, mtimeNs: bigint): Buffer => {
  const times = Buffer.alloc(32);
  writeTimespec(times, 0, atimeNs);
  writeTimespec(times, 16, mtimeNs);
  return times;
};

/** Sets access and modification time of the file itself, also of a symbolic link; nanoseconds since 1970. */
export const lutimesNs = (path: string | Buffer, atimeNs: bigint, mtimeNs: bigint): void => {
  const times = timespecs(atimeNs, mtimeNs);
  const file = pathArgument('utimensat', path);
  checked('utimensat', String(path), cUtimensat(AT_FDCWD, file, times, AT_SYMLINK_NOFOLLOW));
};

/** The same of a file that is open. */
export const futimesNs = (fd: number, atimeNs: bigint, mtimeNs: bigint): void => {
  checked('futimens', `descriptor ${fd}`, cFutimens(fd, timespecs(atimeNs, mtimeNs)));
};
