/** Reads BuildKit's status messages, as POST /build sends them: a reader of its own, which the daemon does not share. */

type Field = readonly [number: number, value: number | Buffer];

const fieldsOf = (bytes: Buffer): readonly Field[] => {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let [value, scale] = [0, 1];
    for (;;) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    if (key % 8 === 0) fields.push([Math.floor(key / 8), varint()]);
    else if (key % 8 === 2) {
      const length = varint();
      fields.push([Math.floor(key / 8), bytes.subarray(at, at + length)]);
      at += length;
    } else throw new Error(`wire type ${key % 8} at ${at}`);
  }
  return fields;
};

export interface TraceVertex {
  readonly name: string;
  cached: boolean;
  completed: boolean;
  error: string;
  log: string;
}

const textOf = (fields: readonly Field[], number: number): string => {
  const value = fields.find(([field]) => field === number)?.[1];
  return Buffer.isBuffer(value) ? value.toString() : '';
};

/** Every vertex of a build by its digest, after all messages. */
export const readTrace = (messages: readonly string[]): ReadonlyMap<string, TraceVertex> => {
  const vertices = new Map<string, TraceVertex>();
  for (const [kind, value] of messages.flatMap((message) => fieldsOf(Buffer.from(message, 'base64')))) {
    if (!Buffer.isBuffer(value)) continue;
    const fields = fieldsOf(value);
    const digest = textOf(fields, 1);
    if (kind === 1) {
      const known = vertices.get(digest);
      vertices.set(digest, {
        name: textOf(fields, 3),
        cached: fields.some(([field, flag]) => field === 4 && flag === 1),
        completed: fields.some(([field]) => field === 6),
        error: textOf(fields, 7),
        log: known?.log ?? '',
      });
    } else if (kind === 3) {
      const vertex = vertices.get(digest);
      if (vertex === undefined) throw new Error('a log of a vertex that was not told');
      vertex.log += textOf(fields, 4);
    }
  }
  return vertices;
};
