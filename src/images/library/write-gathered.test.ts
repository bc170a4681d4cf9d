import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { writeGathered } from './write-gathered.ts';

/** Chunks with memory of their own, as connections give them. */
const own = (bytes: Buffer): Buffer => {
  const chunk = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(chunk);
  return chunk;
};

describe('gathered writing', () => {
  it('writes every byte once, in few pieces, and frees the chunks', async () => {
    const content = randomBytes(3_000_001);
    const chunks: Buffer[] = [];
    for (let at = 0; at < content.length; at += 65_536) chunks.push(own(content.subarray(at, at + 65_536)));
    const pieces: Buffer[] = [];
    const source = async function* (): AsyncGenerator<Buffer> {
      yield* chunks;
    };
    await writeGathered(source(), async (piece) => {
      await sleep(1);
      pieces.push(Buffer.from(piece));
    });
    expect(Buffer.concat(pieces).equals(content)).toBe(true);
    expect(pieces.length).toBeLessThan(10);
    expect(chunks.every((chunk) => chunk.length === 0)).toBe(true);
  });

  it('leaves chunks alone that are a part of something else', async () => {
    const whole = Buffer.from('0123456789');
    const source = async function* (): AsyncGenerator<Buffer> {
      yield whole.subarray(2, 5);
    };
    await writeGathered(source(), async () => undefined);
    expect(whole.toString()).toBe('0123456789');
  });

  it('writes what came before a failure, and then tells of it', async () => {
    const pieces: string[] = [];
    const source = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('what came');
      throw new Error('cut');
    };
    const writing = writeGathered(source(), async (piece) => void pieces.push(piece.toString()));
    await expect(writing).rejects.toThrow('cut');
    expect(pieces).toEqual(['what came']);
  });
});
