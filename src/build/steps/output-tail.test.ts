import { expect, test } from 'vitest';
import { createOutputTail } from './output-tail.ts';

test('the tail of an output is its last lines', () => {
  const tail = createOutputTail();
  for (let line = 1; line <= 100; line += 1) tail.add(Buffer.from(`line ${line}\n`));
  expect(tail.text().split('\n')).toHaveLength(20);
  expect(tail.text().endsWith('line 100')).toBe(true);
});
