/** An attribute of a netlink message: its type and its bytes. */
export interface Attribute {
  readonly type: number;
  readonly data: Buffer;
}

/** One netlink message as received. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Buffer;
}

export const NLM_F = {
  REQUEST: 1,
  ACK: 4,
  ROOT: 0x100,
  MATCH: 0x200,
  EXCL: 0x200,
  CREATE: 0x400,
  DUMP: 0x300,
} as const;
export const NLMSG = { ERROR: 2, DONE: 3 } as const;
/** Flag of an acknowledgement: the echoed request is left out. */
const NLM_F_CAPPED = 0x100;
/** Flag of an acknowledgement: attributes follow. */
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;
const NLA_F_NESTED = 0x8000;
const TYPE_MASK = 0x3fff;
const HEADER = 16;

const aligned = (length: number): number => (length + 3) & ~3;

/** rtnetlink is native-endian; every architecture this runs on is little-endian. */
export const u32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value >>> 0);
  return buffer;
};

/** A zero-terminated string. */
export const text = (value: string): Buffer => Buffer.from(`${value}\0`);

/** The four bytes of a dotted IPv4 address. */
export const ipv4 = (value: string): Buffer => Buffer.from(value.split('.').map(Number));

/** The six bytes of a MAC address. */
export const mac = (value: string): Buffer => Buffer.from(value.replaceAll(':', ''), 'hex');

export const formatIpv4 = (data: Buffer): string => [...data.subarray(0, 4)].join('.');

export const formatMac = (data: Buffer): string =>
  [...data.subarray(0, 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');

export const formatText = (data: Buffer): string => data.toString('utf8').replace(/\0.*$/s, '');

export const attribute = (type: number, data: Buffer): Buffer => {
  const buffer = Buffer.alloc(aligned(4 + data.length));
  buffer.writeUInt16LE(4 + data.length, 0);
  buffer.writeUInt16LE(type, 2);
  data.copy(buffer, 4);
  return buffer;
};

export const nested = (type: number, ...children: readonly Buffer[]): Buffer =>
  attribute(type | NLA_F_NESTED, Buffer.concat(children));

/** One request with its header. */
export const encodeMessage = (message: Message): Buffer => {
  const length = HEADER + message.payload.length;
  const buffer = Buffer.alloc(aligned(length));
  buffer.writeUInt32LE(length, 0);
  buffer.writeUInt16LE(message.type, 4);
  buffer.writeUInt16LE(message.flags, 6);
  buffer.writeUInt32LE(message.sequence, 8);
  message.payload.copy(buffer, HEADER);
  return buffer;
};

/** The messages of one datagram; a truncated tail is left out. */
export const decodeMessages = (data: Buffer): readonly Message[] => {
  const messages: Message[] = [];
  for (let at = 0; at + HEADER <= data.length;) {
    const length = data.readUInt32LE(at);
    if (length < HEADER || at + length > data.length) break;
    messages.push({
      type: data.readUInt16LE(at + 4),
      flags: data.readUInt16LE(at + 6),
      sequence: data.readUInt32LE(at + 8),
      payload: data.subarray(at + HEADER, at + length),
    });
    at += aligned(length);
  }
  return messages;
};

export const decodeAttributes = (data: Buffer): readonly Attribute[] => {
  const attributes: Attribute[] = [];
  for (let at = 0; at + 4 <= data.length;) {
    const length = data.readUInt16LE(at);
    if (length < 4 || at + length > data.length) break;
    attributes.push({
      type: data.readUInt16LE(at + 2) & TYPE_MASK,
      data: data.subarray(at + 4, at + length),
    });
    at += aligned(length);
  }
  return attributes;
};

/** The data of the first attribute of `type`. */
export const find = (attributes: readonly Attribute[], type: number): Buffer | undefined =>
  attributes.find((candidate) => candidate.type === type)?.data;

export interface Acknowledgement {
  /** 0, or the positive error number. */
  readonly error: number;
  /** The kernel's own words (extended acknowledgement). */
  readonly text: string | undefined;
}

/** Reads a message of type NLMSG_ERROR. */
export const decodeAcknowledgement = (message: Message): Acknowledgement => {
  const error = -message.payload.readInt32LE(0);
  if ((message.flags & NLM_F_ACK_TLVS) === 0) return { error, text: undefined };
  const echoed = message.payload.readUInt32LE(4);
  const start = 4 + ((message.flags & NLM_F_CAPPED) === 0 ? aligned(echoed) : HEADER);
  const words = find(decodeAttributes(message.payload.subarray(start)), NLMSGERR_ATTR_MSG);
  return { error, text: words === undefined ? undefined : formatText(words) };
};
