import { checked, libcFunction } from './libc.ts';

const POLLHUP = 0x10;

const cPoll = libcFunction('int poll(_Inout_ uint8_t *descriptors, unsigned long count, int timeout)');

/**
 * Whether the other end of a unix stream socket is closed altogether. Reading cannot tell: it gives the end of file
 * after a mere half-close too. TCP sockets never say so before something is written.
 */
export const peerClosed = (fd: number): boolean => {
  const descriptor = Buffer.alloc(8);
  descriptor.writeInt32LE(fd, 0);
  checked('poll', `fd ${fd}`, cPoll(descriptor, 1, 0));
  return (descriptor.readUInt16LE(6) & POLLHUP) !== 0;
};
