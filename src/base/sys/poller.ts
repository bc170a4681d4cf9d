import { checked, libcFunction } from './libc.ts';

const EPOLL_CLOEXEC = 0o2000000;
const CTL_ADD = 1;
const CTL_DEL = 2;
const EPOLLIN = 0x1;
const EPOLLOUT = 0x4;
const MOST_EVENTS = 64;
/** struct epoll_event is packed on x86-64 only. */
const [EVENT_BYTES, DATA_AT] = process.arch === 'x64' ? [12, 4] : [16, 8];
const EVENTFD_FLAGS = 0o2000000 | 0o4000;

const cCreate = libcFunction('int epoll_create1(int flags)');
const cControl = libcFunction('int epoll_ctl(int epoll, int operation, int fd, uint8_t *event)');
const cWait = libcFunction('int epoll_wait(int epoll, _Out_ uint8_t *events, int most, int timeout)');
const cEventfd = libcFunction('int eventfd(unsigned int count, int flags)');
const cRead = libcFunction('long read(int fd, _Out_ uint8_t *bytes, size_t count)');
const cWrite = libcFunction('long write(int fd, const uint8_t *bytes, size_t count)');
const cClose = libcFunction('int close(int fd)');
const cFcntl = libcFunction('int fcntl(int fd, int command, int argument)');

const F_DUPFD_CLOEXEC = 1030;

/** Another descriptor of the same open file or socket; the caller closes it. */
export const duplicateDescriptor = (fd: number): number =>
  checked('fcntl', `fd ${fd}`, cFcntl(fd, F_DUPFD_CLOEXEC, 0));

/** Closes a descriptor that node:fs does not know. */
export const closeDescriptor = (fd: number): void => {
  cClose(fd);
};

/** Wakes who waits for it in a `Poller`, from any thread that knows its descriptor. */
export const createWakeDescriptor = (): number => checked('eventfd', 'a new one', cEventfd(0, EVENTFD_FLAGS));

const ONE = Buffer.alloc(8);
ONE.writeBigUInt64LE(1n);

export const wake = (descriptor: number): void => {
  cWrite(descriptor, ONE, 8);
};

const ignored = Buffer.alloc(8);

/** To be called by who was woken. */
export const acknowledgeWake = (descriptor: number): void => {
  cRead(descriptor, ignored, 8);
};

export type PollFor = 'readable' | 'writable';

/** Waits for many descriptors at once (epoll(7), level-triggered). Blocks its thread: for threads of their own only. */
export interface Poller extends Disposable {
  add(fd: number, what: PollFor): void;
  remove(fd: number): void;
  /** Descriptors that are ready or broken, at most 64; none after `timeoutMs`. */
  wait(timeoutMs: number): readonly number[];
}

export const createPoller = (): Poller => {
  const epoll = checked('epoll_create1', 'a new one', cCreate(EPOLL_CLOEXEC));
  const event = Buffer.alloc(EVENT_BYTES);
  const events = Buffer.alloc(EVENT_BYTES * MOST_EVENTS);
  return {
    add: (fd, what) => {
      event.writeUInt32LE(what === 'readable' ? EPOLLIN : EPOLLOUT, 0);
      event.writeInt32LE(fd, DATA_AT);
      checked('epoll_ctl', `fd ${fd}`, cControl(epoll, CTL_ADD, fd, event));
    },
    remove: (fd) => {
      cControl(epoll, CTL_DEL, fd, event);
    },
    wait: (timeoutMs) => {
      const count = Number(cWait(epoll, events, MOST_EVENTS, timeoutMs));
      const ready: number[] = [];
      for (let index = 0; index < count; index += 1)
        ready.push(events.readInt32LE(index * EVENT_BYTES + DATA_AT));
      return ready;
    },
    [Symbol.dispose]: () => {
      cClose(epoll);
    },
  };
};
