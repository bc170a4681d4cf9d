import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { splitFirstLine } from './first-line.ts';

const rest = async (stream: Readable): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
};

test.each([
  [['{"a":1}\nrest\nmore'], '{"a":1}', 'rest\nmore'],
  [['{"a"', ':1}', '\n', 'rest'], '{"a":1}', 'rest'],
  [['\nrest'], '', 'rest'],
  [['only\n'], 'only', ''],
])('%j', async (pieces, line, behind) => {
  const split = await splitFirstLine(
    Readable.from(
      pieces.map((piece) => Buffer.from(piece)),
      { objectMode: false },
    ),
  );
  expect(split.line).toBe(line);
  expect(await rest(split.rest)).toBe(behind);
});

test('a body without a newline is refused, and one whose line never ends too', async () => {
  await expect(splitFirstLine(Readable.from([Buffer.from('x')], { objectMode: false }))).rejects.toThrow(
    /no first line/,
  );
  const endless = function* (): Generator<Buffer> {
    for (;;) yield Buffer.alloc(1 << 20, 'x');
  };
  await expect(splitFirstLine(Readable.from(endless(), { objectMode: false }))).rejects.toThrow(
    /no first line/,
  );
});
