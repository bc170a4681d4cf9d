import { checked, libcFunction } from './libc.ts';

const TIOCSWINSZ = 0x5414;

const cIoctl = libcFunction('int ioctl(int fd, unsigned long request, const uint8_t *argument)');

/** Sets the size of the terminal whose master (or slave) is `fd`; its foreground processes get SIGWINCH. */
export const setWinsize = (fd: number, rows: number, columns: number): void => {
  const size = Buffer.alloc(8);
  size.writeUInt16LE(rows, 0);
  size.writeUInt16LE(columns, 2);
  checked('ioctl(TIOCSWINSZ)', `fd ${fd}`, cIoctl(fd, TIOCSWINSZ, size));
};
