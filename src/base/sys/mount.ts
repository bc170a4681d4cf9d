import { closeSync, readSync } from 'node:fs';
import { callError } from './errors.ts';
import { checked, lastErrno, libcFunction, libcFunctionAsync } from './libc.ts';
import { MS, type BindOptions, type FileSystemMount, type UnmountOptions } from './types.ts';

const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG = { FLAG: 0, STRING: 1, CREATE: 6 } as const;
const MOUNT_ATTR_RDONLY = 1;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const AT_FDCWD = -100;

const cMount = libcFunction(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
);
const cUmount = libcFunction('int umount2(const char *target, int flags)');
const cUmountAsync = libcFunctionAsync('int umount2(const char *target, int flags)');
const cFsopen = libcFunction('int fsopen(const char *type, unsigned int flags)');
const cFsconfig = libcFunction(
  'int fsconfig(int fd, unsigned int command, const char *key, const char *value, int aux)',
);
const cFsmount = libcFunction('int fsmount(int fd, unsigned int flags, unsigned int attributes)');
const cMoveMount = libcFunction(
  'int move_mount(int fromFd, const char *from, int toFd, const char *to, unsigned int flags)',
);

/**
 * mount(2). Overlay with its options in `data` is limited to one page of text; `mountFileSystem` is not.
 *
 * @param flags a sum of `MS` values
 */
export const mount = (
  source: string,
  target: string,
  ...[type, flags = 0, data]: readonly [
    type?: string | undefined,
    flags?: number | undefined,
    data?: string | undefined,
  ]
): void => {
  checked('mount', target, cMount(source, target, type ?? null, flags, data ?? null));
};

const unmountFlags = (options: UnmountOptions): number =>
  UMOUNT_NOFOLLOW | (options.detach === true ? MNT_DETACH : 0);

/**
 * umount2(2), never following a symbolic link. Whoever takes the last use of a file system away waits until what was
 * written to it is on disk; otherwise detaching is instant, and the plain form may take milliseconds.
 */
export const umount = (target: string, options: UnmountOptions = {}): void => {
  checked('umount2', target, cUmount(target, unmountFlags(options)));
};

/** The same with the waiting done on a thread of the pool, which it keeps from other work meanwhile. */
export const umountAsync = async (target: string, options: UnmountOptions = {}): Promise<void> => {
  const result = await cUmountAsync(target, unmountFlags(options));
  // Only a call of this thread leaves its error number here.
  if (Number(result) < 0) umount(target, options);
};

/** Makes `source` visible at `target`, which must exist; the new mount is private and keeps no propagation. */
export const bindMount = (source: string, target: string, options: BindOptions = {}): void => {
  const recursive = options.recursive === true ? MS.REC : 0;
  mount(source, target, undefined, MS.BIND | recursive);
  try {
    mount('none', target, undefined, MS.PRIVATE | recursive);
    if (options.readonly === true) mount('none', target, undefined, MS.REMOUNT | MS.BIND | MS.RDONLY);
  } catch (error) {
    umount(target, { detach: true });
    throw error;
  }
};

/** What the kernel says about the last failure on a file system context: lines such as `e overlay: …`. */
const explanation = (fd: number): string => {
  const buffer = Buffer.alloc(4096);
  const lines: string[] = [];
  try {
    for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer))
      lines.push(buffer.toString('utf8', 0, read).trim());
  } catch {
    // ENODATA: the log is read to its end.
  }
  return lines.map((line) => line.replace(/^[ewi] /, '')).join('; ');
};

const configured = (fd: number, target: string, result: number | bigint): void => {
  if (Number(result) >= 0) return;
  const errno = lastErrno();
  throw callError({ call: 'mount', target, errno, text: explanation(fd) });
};

const configure = (fd: number, options: FileSystemMount): void => {
  const { target } = options;
  configured(fd, target, cFsconfig(fd, FSCONFIG.STRING, 'source', options.source ?? options.type, 0));
  for (const [key, value] of options.parameters) {
    const command = value === undefined ? FSCONFIG.FLAG : FSCONFIG.STRING;
    configured(fd, target, cFsconfig(fd, command, key, value ?? null, 0));
  }
  configured(fd, target, cFsconfig(fd, FSCONFIG.CREATE, null, null, 0));
};

/**
 * Mounts by fsopen/fsconfig/fsmount/move_mount: up to 500 overlay layers (`lowerdir+`), values up to 255 bytes each,
 * and an error that carries the kernel's own words. Sub-millisecond for small stacks.
 */
export const mountFileSystem = (options: FileSystemMount): void => {
  const context = checked('fsopen', options.type, cFsopen(options.type, FSOPEN_CLOEXEC));
  try {
    configure(context, options);
    const attributes = options.readonly === true ? MOUNT_ATTR_RDONLY : 0;
    const tree = checked('fsmount', options.target, cFsmount(context, FSMOUNT_CLOEXEC, attributes));
    try {
      const moved = cMoveMount(tree, '', AT_FDCWD, options.target, MOVE_MOUNT_F_EMPTY_PATH);
      checked('move_mount', options.target, moved);
    } finally {
      closeSync(tree);
    }
  } finally {
    closeSync(context);
  }
};
