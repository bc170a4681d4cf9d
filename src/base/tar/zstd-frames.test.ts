import { randomBytes } from 'node:crypto';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { splitZstdFrames } from './zstd-frames.ts';

const skippable = Buffer.concat([Buffer.of(0x53, 0x2a, 0x4d, 0x18, 5, 0, 0, 0), Buffer.from('noise')]);
const withChecksum = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };

const frames: readonly Buffer[] = [
  zstdCompressSync(Buffer.from('small')),
  zstdCompressSync(Buffer.alloc(0)),
  zstdCompressSync(randomBytes(300_000), withChecksum),
  zstdCompressSync(Buffer.alloc(1_000_000, 'a')),
  skippable,
  zstdCompressSync(Buffer.from('text '.repeat(60_000)), withChecksum),
];

test('each frame begins a chunk, however the data is cut', async () => {
  const data = Buffer.concat(frames);
  const starts = frames.reduce<number[]>((sums, frame) => [...sums, (sums.at(-1) ?? 0) + frame.length], [0]);
  const bounds = fc.uniqueArray(fc.nat(data.length), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(bounds, async (cuts) => {
      const at = [0, ...cuts.toSorted((a, b) => a - b), data.length];
      async function* chunks(): AsyncGenerator<Buffer, void, undefined> {
        for (const [i, from] of at.entries()) yield data.subarray(from, at[i + 1] ?? data.length);
      }
      const offsets = new Set([0]);
      const out: Buffer[] = [];
      let position = 0;
      for await (const chunk of splitZstdFrames(chunks())) {
        out.push(Buffer.from(chunk));
        position += chunk.length;
        offsets.add(position);
      }
      expect(Buffer.concat(out).equals(data)).toBe(true);
      for (const start of starts) expect(offsets).toContain(start);
    }),
    { numRuns: 60 },
  );
  expect(zstdDecompressSync(frames[0] ?? Buffer.alloc(0)).toString()).toBe('small');
});

test('what is no zstd passes unchanged', async () => {
  const data = Buffer.from('plain text that is no frame');
  const out: Buffer[] = [];
  for await (const chunk of splitZstdFrames(
    (async function* () {
      yield data;
    })(),
  ))
    out.push(chunk);
  expect(Buffer.concat(out)).toEqual(data);
});
