import { errnoOf, sysErrors } from './errors.ts';
import { addressOf, checked, libcFunction } from './libc.ts';

const MSG_DONTWAIT = 0x40;
const MSG_CMSG_CLOEXEC = 0x40000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const CMSG_HEADER = 16;

const cRecvmsg = libcFunction('long recvmsg(int fd, uint8_t *message, int flags)');

/** struct msghdr of x86-64 and arm64: name, iov, control, each a pointer and a length. */
const messageHeader = (iov: Buffer, control: Buffer): Buffer => {
  const header = Buffer.alloc(56);
  header.writeBigUInt64LE(addressOf(iov), 16);
  header.writeBigUInt64LE(1n, 24);
  header.writeBigUInt64LE(addressOf(control), 32);
  header.writeBigUInt64LE(BigInt(control.length), 40);
  return header;
};

/**
 * Takes one file descriptor sent over a unix socket (SCM_RIGHTS), as runc sends the master of a terminal.
 *
 * @param socketFd the descriptor of a socket nobody else reads (`pauseOnConnect`)
 * @returns undefined when no message waits; the new descriptor belongs to the caller
 */
export const receiveFd = (socketFd: number): number | undefined => {
  const data = Buffer.alloc(4096);
  const control = Buffer.alloc(64);
  const iov = Buffer.alloc(16);
  iov.writeBigUInt64LE(addressOf(data), 0);
  iov.writeBigUInt64LE(BigInt(data.length), 8);
  const header = messageHeader(iov, control);
  try {
    checked('recvmsg', `fd ${socketFd}`, cRecvmsg(socketFd, header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN' || errnoOf(error) === 'EWOULDBLOCK') return undefined;
    throw error;
  }
  const received = Number(header.readBigUInt64LE(40));
  const isRights = control.readInt32LE(8) === SOL_SOCKET && control.readInt32LE(12) === SCM_RIGHTS;
  if (received < CMSG_HEADER + 4 || !isRights) throw sysErrors.noDescriptor({});
  return control.readInt32LE(CMSG_HEADER);
};
