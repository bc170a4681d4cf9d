import { randomBytes } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createInflater } from './inflate.ts';

/** What comes out when `packed` is fed in pieces of `step` bytes. */
const inflate = (packed: Buffer, step: number): Buffer => {
  const pieces: Buffer[] = [];
  using inflater = createInflater((piece) => void pieces.push(Buffer.from(piece)));
  for (let at = 0; at < packed.length; at += step) inflater.feed(packed.subarray(at, at + step));
  inflater.end();
  return Buffer.concat(pieces);
};

const text = Buffer.from('the same line again and again\n'.repeat(50_000));

describe('an inflater', () => {
  it.each([1, 7, 4096, 1 << 20])('gives what node:zlib gives, fed %i bytes at a time', (step) => {
    const packed = gzipSync(
      step === 1 ? text.subarray(0, 3000) : Buffer.concat([text, randomBytes(700_000)]),
    );
    expect(inflate(packed, step).equals(gunzipSync(packed))).toBe(true);
  });

  it('passes members and zeros after them, wherever they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 5 }),
        fc.nat(20),
        fc.integer({ min: 1, max: 200 }),
        (members, zeros, step) => {
          const packed = Buffer.concat([...members.map((member) => gzipSync(member)), Buffer.alloc(zeros)]);
          expect(inflate(packed, step).equals(Buffer.concat(members))).toBe(true);
        },
      ),
    );
  });

  it('refuses damage and data that is cut off', () => {
    const packed = gzipSync(text);
    const damaged = Buffer.from(packed);
    damaged.writeUInt32LE(0, packed.length - 8);
    expect(() => inflate(damaged, 1000)).toThrow(expect.objectContaining({ code: 'Z_DATA_ERROR' }));
    expect(() => inflate(Buffer.from('no gzip at all'), 1000)).toThrow(
      expect.objectContaining({ code: 'Z_DATA_ERROR' }),
    );
    for (const length of [3, 200, packed.length - 1])
      expect(() => inflate(packed.subarray(0, length), 1000)).toThrow(
        expect.objectContaining({ code: 'Z_BUF_ERROR' }),
      );
  });

  it('passes on what its reader throws', () => {
    using inflater = createInflater(() => {
      throw new Error('enough');
    });
    expect(() => inflater.feed(gzipSync(text))).toThrow('enough');
  });
});
