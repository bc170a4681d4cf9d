import { errnoOf, sysErrors } from './errors.ts';
import { addressOf, checked, libcFunction } from './libc.ts';

const MSG_DONTWAIT = 0x40;
const MSG_CMSG_CLOEXEC = 0x40000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;

/** struct msghdr of x86-64 and arm64: name, iov, control, each a pointer and a length. */
const IOV_POINTER = 16;
const IOV_COUNT = 24;
const CONTROL_POINTER = 32;
const CONTROL_LENGTH = 40;
/** Behind it, in the same memory: one struct iovec, a control message with room for one descriptor, the data. */
const IOV = 56;
const CONTROL = 72;
const CMSG_HEADER = 16;
const CONTROL_BYTES = CMSG_HEADER + 4;
const DATA = 96;
const DATA_BYTES = 4096;

const cRecvmsg = libcFunction('long recvmsg(int fd, uint8_t *message, int flags)');

/** All that the kernel writes to is one buffer, which the call itself keeps alive. */
const emptyMessage = (): Buffer => {
  const message = Buffer.alloc(DATA + DATA_BYTES);
  const start = addressOf(message);
  message.writeBigUInt64LE(start + BigInt(IOV), IOV_POINTER);
  message.writeBigUInt64LE(1n, IOV_COUNT);
  message.writeBigUInt64LE(start + BigInt(CONTROL), CONTROL_POINTER);
  message.writeBigUInt64LE(BigInt(CONTROL_BYTES), CONTROL_LENGTH);
  message.writeBigUInt64LE(start + BigInt(DATA), IOV);
  message.writeBigUInt64LE(BigInt(DATA_BYTES), IOV + 8);
  return message;
};

/**
 * Takes one file descriptor sent over a unix socket (SCM_RIGHTS), as runc sends the master of a terminal. The kernel
 * closes further ones of the same message.
 *
 * @param socketFd the descriptor of a socket nobody else reads (`pauseOnConnect`)
 * @returns undefined when no message waits; the new descriptor belongs to the caller
 */
export const receiveFd = (socketFd: number): number | undefined => {
  const message = emptyMessage();
  try {
    checked('recvmsg', `fd ${socketFd}`, cRecvmsg(socketFd, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN' || errnoOf(error) === 'EWOULDBLOCK') return undefined;
    throw error;
  }
  const received = Number(message.readBigUInt64LE(CONTROL_LENGTH));
  const isRights =
    message.readInt32LE(CONTROL + 8) === SOL_SOCKET && message.readInt32LE(CONTROL + 12) === SCM_RIGHTS;
  if (received < CONTROL_BYTES || !isRights) throw sysErrors.noDescriptor({});
  return message.readInt32LE(CONTROL + CMSG_HEADER);
};
