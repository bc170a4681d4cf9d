import { closeSync, readSync, write, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { callError, errnoOf } from './errors.ts';
import { checked, errnoName, libcFunction } from './libc.ts';
import {
  NLM_F,
  NLMSG,
  decodeAcknowledgement,
  decodeMessages,
  encodeMessage,
  u32,
  type Message,
} from './rtnetlink-message.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_ROUTE = 0;
/** More than any datagram of a dump, which the kernel limits to 32 KiB. */
const RECEIVE_BYTES = 65_536;

const cSocket = libcFunction('int socket(int domain, int type, int protocol)');
const cSetsockopt = libcFunction(
  'int setsockopt(int fd, int level, int name, const uint8_t *value, unsigned int length)',
);

const writeAsync = promisify(write);

/** What a request is about, for its error. */
export interface Request {
  readonly call: string;
  readonly target: string;
  readonly type: number;
  readonly flags?: number | undefined;
  readonly payload: Buffer;
}

export interface RtnetlinkSocket extends Disposable {
  /** Asks for a change and waits for the answer; the kernel has done it when this returns. */
  change(request: Request): void;
  /** The same with the waiting done on another thread. Nothing else may be asked on this socket meanwhile. */
  changeAsync(request: Request): Promise<void>;
  /** The one message that answers a question. */
  get(request: Request): Message;
  /** All messages of a dump. */
  dump(request: Request): readonly Message[];
}

const throwIfRefused = (request: Request, message: Message): void => {
  const { error, text } = decodeAcknowledgement(message);
  if (error !== 0)
    throw callError({ call: request.call, target: request.target, errno: errnoName(error), text });
};

/** The error of a failed read or write of the socket. */
const transferError = (request: Request, error: unknown): Error =>
  callError({ call: request.call, target: request.target, errno: errnoOf(error) ?? 'EIO' });

const changeFlags = (request: Request): number => NLM_F.REQUEST | NLM_F.ACK | (request.flags ?? 0);

const openSocket = (): number => {
  const fd = checked('socket', 'rtnetlink', cSocket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK]) cSetsockopt(fd, SOL_NETLINK, option, u32(1), 4);
  return fd;
};

/** A socket to the kernel's routing in the network namespace this thread is in now; it stays there. */
export const openRtnetlinkSocket = (): RtnetlinkSocket => {
  const fd = openSocket();
  const buffer = Buffer.alloc(RECEIVE_BYTES);
  let sequence = 0;
  const encode = (request: Request, flags: number): Buffer => {
    sequence += 1;
    return encodeMessage({ type: request.type, flags, sequence, payload: request.payload });
  };
  const send = (request: Request, flags: number): void => {
    try {
      writeSync(fd, encode(request, flags));
    } catch (error) {
      throw transferError(request, error);
    }
  };
  const receive = (request: Request): readonly Message[] => {
    let length: number;
    try {
      length = readSync(fd, buffer);
    } catch (error) {
      throw transferError(request, error);
    }
    return decodeMessages(Buffer.from(buffer.subarray(0, length))).filter(
      (message) => message.sequence === sequence,
    );
  };
  const acknowledge = (request: Request): void => {
    for (;;) {
      const answer = receive(request).find((message) => message.type === NLMSG.ERROR);
      if (answer !== undefined) return throwIfRefused(request, answer);
    }
  };
  return {
    change(request) {
      send(request, changeFlags(request));
      acknowledge(request);
    },
    async changeAsync(request) {
      try {
        await writeAsync(fd, encode(request, changeFlags(request)));
      } catch (error) {
        throw transferError(request, error);
      }
      acknowledge(request);
    },
    get(request) {
      send(request, NLM_F.REQUEST);
      for (;;) {
        for (const message of receive(request)) {
          if (message.type !== NLMSG.ERROR) return message;
          throwIfRefused(request, message);
        }
      }
    },
    dump(request) {
      send(request, NLM_F.REQUEST | NLM_F.DUMP);
      const found: Message[] = [];
      for (;;) {
        for (const message of receive(request)) {
          if (message.type === NLMSG.DONE) return found;
          if (message.type === NLMSG.ERROR) throwIfRefused(request, message);
          found.push(message);
        }
      }
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
};
