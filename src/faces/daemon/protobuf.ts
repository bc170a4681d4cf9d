/** A message under construction: fields by number, in the order in which they are written. */
export type ProtoField =
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'whole'; readonly value: number }
  | { readonly kind: 'message'; readonly value: ProtoMessage };

/** Pairs of field number and value; undefined values are left out, as are proto3's defaults. */
export type ProtoMessage = readonly (readonly [field: number, value: ProtoField | undefined])[];

const VARINT = 0;
const LENGTH_DELIMITED = 2;

const varint = (value: number): Buffer => {
  const bytes: number[] = [];
  let rest = BigInt(value);
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest === 0n ? low : low | 0x80);
  } while (rest !== 0n);
  return Buffer.from(bytes);
};

const delimited = (field: number, bytes: Uint8Array): readonly Uint8Array[] => [
  varint(field * 8 + LENGTH_DELIMITED),
  varint(bytes.length),
  bytes,
];

const encodeField = (field: number, value: ProtoField): readonly Uint8Array[] => {
  switch (value.kind) {
    case 'text':
      return value.value === '' ? [] : delimited(field, Buffer.from(value.value));
    case 'bytes':
      return value.value.length === 0 ? [] : delimited(field, value.value);
    case 'whole':
      return value.value === 0 ? [] : [varint(field * 8 + VARINT), varint(value.value)];
    case 'message':
      return delimited(field, encodeProto(value.value));
    default:
      return value satisfies never;
  }
};

/** The wire form of a proto3 message; whole numbers must not be negative. */
export const encodeProto = (message: ProtoMessage): Buffer =>
  Buffer.concat(message.flatMap(([field, value]) => (value === undefined ? [] : encodeField(field, value))));

export const protoText = (value: string): ProtoField => ({ kind: 'text', value });
export const protoBytes = (value: Uint8Array): ProtoField => ({ kind: 'bytes', value });
export const protoWhole = (value: number): ProtoField => ({ kind: 'whole', value });
export const protoMessage = (value: ProtoMessage): ProtoField => ({ kind: 'message', value });

/** google.protobuf.Timestamp of milliseconds since 1970. */
export const protoTime = (ms: number): ProtoField => {
  const seconds = Math.floor(ms / 1000);
  return protoMessage([
    [1, protoWhole(seconds)],
    [2, protoWhole(Math.round((ms - seconds * 1000) * 1e6))],
  ]);
};
