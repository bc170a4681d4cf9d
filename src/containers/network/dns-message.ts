/** DNS messages as far as a resolver for containers needs them (RFC 1035 section 4). */

const HEADER = 12;
const LONGEST_LABEL = 63;
const CLASS_IN = 1;
const FLAG = { RESPONSE: 0x8000, RECURSION_DESIRED: 0x0100, RECURSION_AVAILABLE: 0x0080 } as const;
const OPCODE_MASK = 0x7800;
/** A pointer to the name of the question, which always follows the header. */
const QUESTION_NAME = 0xc00c;
/** Seconds. */
const TTL = 600;

export const TYPE = { A: 1, PTR: 12, AAAA: 28 } as const;
export const RCODE = { OK: 0, FORMAT_ERROR: 1, SERVER_FAILURE: 2, NAME_ERROR: 3 } as const;

/** One question. */
export interface Query {
  readonly id: number;
  /** Lower case, without the last dot. */
  readonly name: string;
  readonly type: number;
  /** Header and question as they came. */
  readonly bytes: Buffer;
}

export type Answer =
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'name'; readonly name: string };

const readLabels = (
  message: Buffer,
): { readonly labels: readonly string[]; readonly end: number } | undefined => {
  const labels: string[] = [];
  let at = HEADER;
  for (;;) {
    const length = message[at];
    // Nothing before a question could be pointed at.
    if (length === undefined || length > LONGEST_LABEL) return undefined;
    at += 1;
    if (length === 0) return { labels, end: at };
    if (at + length > message.length) return undefined;
    labels.push(message.toString('latin1', at, at + length));
    at += length;
  }
};

/** The question of a standard query with exactly one; undefined for everything else. */
export const parseQuery = (message: Buffer): Query | undefined => {
  if (message.length < HEADER || message.readUInt16BE(4) !== 1) return undefined;
  if ((message.readUInt16BE(2) & (FLAG.RESPONSE | OPCODE_MASK)) !== 0) return undefined;
  const found = readLabels(message);
  if (found === undefined || found.end + 4 > message.length) return undefined;
  if (message.readUInt16BE(found.end + 2) !== CLASS_IN) return undefined;
  return {
    id: message.readUInt16BE(0),
    name: found.labels.join('.').toLowerCase(),
    type: message.readUInt16BE(found.end),
    bytes: message.subarray(0, found.end + 4),
  };
};

const encodeName = (name: string): Buffer =>
  Buffer.concat([
    ...name.split('.').map((label) => {
      const bytes = Buffer.from(label).subarray(0, LONGEST_LABEL);
      return Buffer.concat([Buffer.from([bytes.length]), bytes]);
    }),
    Buffer.from([0]),
  ]);

const encodeAnswer = (answer: Answer): Buffer => {
  const data =
    answer.kind === 'address' ? Buffer.from(answer.address.split('.').map(Number)) : encodeName(answer.name);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(QUESTION_NAME, 0);
  head.writeUInt16BE(answer.kind === 'address' ? TYPE.A : TYPE.PTR, 2);
  head.writeUInt16BE(CLASS_IN, 4);
  head.writeUInt32BE(TTL, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
};

/** The response to `query`. */
export const encodeResponse = (query: Query, rcode: number, answers: readonly Answer[] = []): Buffer => {
  const head = Buffer.from(query.bytes);
  const desired = head.readUInt16BE(2) & FLAG.RECURSION_DESIRED;
  head.writeUInt16BE(FLAG.RESPONSE | FLAG.RECURSION_AVAILABLE | desired | rcode, 2);
  head.writeUInt16BE(answers.length, 6);
  head.writeUInt32BE(0, 8);
  return Buffer.concat([head, ...answers.map(encodeAnswer)]);
};

/** Whether `response` answers `query`: same identity and same question. */
export const answersQuery = (response: Buffer, query: Query): boolean =>
  response.length >= query.bytes.length &&
  response.readUInt16BE(0) === query.id &&
  (response.readUInt16BE(2) & FLAG.RESPONSE) !== 0 &&
  response.subarray(HEADER, query.bytes.length).toString('latin1').toLowerCase() ===
    query.bytes.subarray(HEADER).toString('latin1').toLowerCase();
