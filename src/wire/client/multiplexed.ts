import { clientErrors } from './errors.ts';

export interface OutputPart {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Buffer;
}

/** An error that the daemon writes into the stream itself. */
const SYSTEM_ERROR = 3;

const partOf = (number: number, data: Buffer): OutputPart => {
  if (number === SYSTEM_ERROR)
    throw clientErrors.serverFault({ status: 500, message: data.toString(), hint: '' });
  return { stream: number === 2 ? 'stderr' : 'stdout', data };
};

/**
 * Splits a multiplexed stream of attach, logs or exec: eight bytes (stream number, three zeros, size as a big-endian
 * 32-bit number) before each part. Parts arrive as their bytes do, so memory stays flat.
 *
 * @throws CLIENT_ANSWER_INVALID
 */
export async function* demultiplex(source: AsyncIterable<Buffer>): AsyncGenerator<OutputPart> {
  let held: Buffer = Buffer.alloc(0);
  let [number, left] = [0, 0];
  for await (const chunk of source) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    for (;;) {
      if (left > 0) {
        if (held.length === 0) break;
        const data = held.subarray(0, left);
        held = held.subarray(data.length);
        left -= data.length;
        yield partOf(number, data);
        continue;
      }
      if (held.length < 8) break;
      number = held.readUInt8(0);
      left = held.readUInt32BE(4);
      held = held.subarray(8);
      if (number > SYSTEM_ERROR) throw clientErrors.answerInvalid({ problem: `stream number ${number}` });
    }
  }
}
