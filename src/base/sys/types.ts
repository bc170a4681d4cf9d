/** Flags of mount(2), by their kernel names. */
export const MS = {
  RDONLY: 0x1,
  NOSUID: 0x2,
  NODEV: 0x4,
  NOEXEC: 0x8,
  REMOUNT: 0x20,
  NOATIME: 0x400,
  BIND: 0x1000,
  MOVE: 0x2000,
  REC: 0x4000,
  UNBINDABLE: 0x20000,
  PRIVATE: 0x40000,
  SLAVE: 0x80000,
  SHARED: 0x100000,
  RELATIME: 0x200000,
} as const;

export interface UnmountOptions {
  /** Detach now, clean up when the last user is gone (MNT_DETACH). */
  readonly detach?: boolean | undefined;
}

export interface BindOptions {
  readonly readonly?: boolean | undefined;
  /** Also what is mounted below `source`. */
  readonly recursive?: boolean | undefined;
}

/** One option of the new mount interface; a flag has no value. Keys may repeat (`lowerdir+`). */
export type MountParameter = readonly [key: string, value?: string | undefined];

export interface FileSystemMount {
  readonly type: string;
  readonly target: string;
  readonly parameters: readonly MountParameter[];
  readonly readonly?: boolean | undefined;
  /** What /proc/mounts shows as the device; the type when absent. */
  readonly source?: string | undefined;
}

/** An exclusive lock on a file; the kernel lets it go with the process that holds it. */
export interface FileLock extends Disposable {
  readonly path: string;
}

export interface FileSystemStatus {
  /** Magic number of statfs(2). */
  readonly type: number;
  /** Name of the type where it is known, such as `ext4`, `tmpfs`, `overlay`. */
  readonly typeName: string | undefined;
  readonly blockSize: number;
  readonly blocks: bigint;
  readonly freeBlocks: bigint;
  readonly availableBlocks: bigint;
  readonly files: bigint;
  readonly freeFiles: bigint;
}

export interface OpenInRootOptions {
  /** Flags of open(2) from `fs.constants`; O_CLOEXEC is always added. */
  readonly flags: number;
  /** Permission bits when O_CREAT or O_TMPFILE is among the flags. */
  readonly mode?: number | undefined;
  /** Refuse any symbolic link on the way, the last part included. */
  readonly noSymlinks?: boolean | undefined;
}
