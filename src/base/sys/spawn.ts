import { setTimeout as delay } from 'node:timers/promises';
import { callError } from './errors.ts';
import { checked, errnoName, libcFunction } from './libc.ts';

/** Larger than any C library's `posix_spawnattr_t` (336), `posix_spawn_file_actions_t` (80) and `sigset_t` (128). */
const STRUCT_BYTES = 512;
const POSIX_SPAWN_SETSIGDEF = 4;
const POSIX_SPAWN_SETSIGMASK = 8;
/** Signals 1 to 64: one bit each at the start of a `sigset_t`. */
const SIGNAL_BYTES = 8;
const O_RDWR = 2;
const O_CLOEXEC = 0o2000000;
const FIRST_PASSED = 3;
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const WNOHANG = 1;

const cSpawn = libcFunction(
  'int posix_spawn(uint8_t *pid, const char *path, const uint8_t *actions, const uint8_t *attributes, const char **argv, const char **envp)',
);
const cAttributes = libcFunction('int posix_spawnattr_init(uint8_t *attributes)');
const cSetFlags = libcFunction('int posix_spawnattr_setflags(uint8_t *attributes, short flags)');
const cSetDefault = libcFunction(
  'int posix_spawnattr_setsigdefault(uint8_t *attributes, const uint8_t *set)',
);
const cSetMask = libcFunction('int posix_spawnattr_setsigmask(uint8_t *attributes, const uint8_t *set)');
const cActions = libcFunction('int posix_spawn_file_actions_init(uint8_t *actions)');
const cDestroyActions = libcFunction('int posix_spawn_file_actions_destroy(uint8_t *actions)');
const cAddOpen = libcFunction(
  'int posix_spawn_file_actions_addopen(uint8_t *actions, int fd, const char *path, int flags, unsigned int mode)',
);
const cAddDup = libcFunction('int posix_spawn_file_actions_adddup2(uint8_t *actions, int from, int to)');
const cAddClose = libcFunction('int posix_spawn_file_actions_addclose(uint8_t *actions, int fd)');
const cAddChdir = libcFunction(
  'int posix_spawn_file_actions_addchdir_np(uint8_t *actions, const char *path)',
);
const cSocketpair = libcFunction('int socketpair(int domain, int type, int protocol, uint8_t *fds)');
const cPipe = libcFunction('int pipe2(uint8_t *fds, int flags)');
const cWaitpid = libcFunction('int waitpid(int pid, uint8_t *status, int options)');

/** A program to start; its standard input is /dev/null. */
export interface ChildRequest {
  /** Absolute. */
  readonly path: string;
  /** Without the program's own name. */
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Descriptors of this process that become standard output and error; /dev/null without them. */
  readonly outputs?: readonly [number, number] | undefined;
  /** Descriptors of this process that the child gets as 3, 4, … */
  readonly pass: readonly number[];
}

/** Adds to `actions` what gives the child its descriptors: first out of the way of one another, then in place. */
const placeDescriptors = (actions: Buffer, request: ChildRequest): void => {
  const { pass } = request;
  const outputs: readonly number[] = request.outputs ?? [];
  const places = [
    ...outputs.map((fd, index) => ({ fd, place: index + 1 })),
    ...pass.map((fd, index) => ({ fd, place: FIRST_PASSED + index })),
  ];
  const above = Math.max(FIRST_PASSED + pass.length, ...outputs, ...pass) + 1;
  for (const [index, { fd }] of places.entries()) cAddDup(actions, fd, above + index);
  for (const fd of outputs.length === 0 ? [0, 1, 2] : [0]) cAddOpen(actions, fd, '/dev/null', O_RDWR, 0);
  for (const [index, { place }] of places.entries()) cAddDup(actions, above + index, place);
  for (const index of places.keys()) cAddClose(actions, above + index);
};

/** Node ignores some signals, which a child would inherit. */
const freshSignals = (): Buffer => {
  const attributes = Buffer.alloc(STRUCT_BYTES);
  cAttributes(attributes);
  cSetFlags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  cSetDefault(attributes, Buffer.alloc(STRUCT_BYTES).fill(0xff, 0, SIGNAL_BYTES));
  cSetMask(attributes, Buffer.alloc(STRUCT_BYTES));
  return attributes;
};

/**
 * Starts a program and returns its process ID; `reapProcess` must be called on it.
 *
 * node:child_process copies this process's page tables and holds this thread until the child has them thrown away
 * again: 3 to 6 ms, and more where processors are busy. This borrows the memory instead: 0.2 ms.
 *
 * Errors: `not-found` when there is no such program or directory.
 */
export const spawnProcess = (request: ChildRequest): number => {
  const pid = Buffer.alloc(4);
  const actions = Buffer.alloc(STRUCT_BYTES);
  const env = Object.entries(request.env).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  cActions(actions);
  try {
    placeDescriptors(actions, request);
    cAddChdir(actions, request.cwd);
    const argv = [request.path, ...request.args, null];
    const errno = Number(cSpawn(pid, request.path, actions, freshSignals(), argv, [...env, null]));
    if (errno !== 0) throw callError({ call: 'posix_spawn', target: request.path, errno: errnoName(errno) });
  } finally {
    cDestroyActions(actions);
  }
  return pid.readInt32LE();
};

const POLL_MS = [1, 2, 5, 10, 20, 50] as const;

/** Waits until a child of `spawnProcess` has ended, and lets it go: its exit code, or 128 and the signal's number. */
export const reapProcess = async (pid: number): Promise<number> => {
  const status = Buffer.alloc(4);
  for (let attempt = 0; ; attempt += 1) {
    if (checked('waitpid', String(pid), cWaitpid(pid, status, WNOHANG)) === pid) break;
    await delay(POLL_MS[attempt] ?? 100);
  }
  const value = status.readInt32LE();
  const signal = value & 0x7f;
  return signal === 0 ? (value >> 8) & 0xff : 128 + signal;
};

/** A pipe: the end to read from, and the end to write to. Both belong to the caller. */
export const openPipe = (): readonly [number, number] => {
  const fds = Buffer.alloc(8);
  checked('pipe2', 'pipe', cPipe(fds, O_CLOEXEC));
  return [fds.readInt32LE(0), fds.readInt32LE(4)];
};

/** Two connected stream sockets, for what a child is told and tells. Both belong to the caller. */
export const socketPair = (): readonly [number, number] => {
  const fds = Buffer.alloc(8);
  checked('socketpair', 'stream', cSocketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  return [fds.readInt32LE(0), fds.readInt32LE(4)];
};
