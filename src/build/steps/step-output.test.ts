import { describe, expect, test } from 'vitest';
import { createStepOutput } from './step-output.ts';

const collect = (secrets: readonly string[], maxBytes?: number) => {
  const told = { stdout: '', stderr: '' };
  const output = createStepOutput(
    secrets.map((secret) => Buffer.from(secret)),
    (stream, data) => {
      told[stream] += data.toString();
    },
    maxBytes,
  );
  return { told, output };
};

describe('output of a step', () => {
  test('is masked in each stream by itself, also what is held back at the end', () => {
    const { told, output } = collect(['secret']);
    output.add('stdout', Buffer.from('a sec'));
    output.add('stderr', Buffer.from('ret secr'));
    output.add('stdout', Buffer.from('ret b'));
    expect(told).toEqual({ stdout: 'a **** b', stderr: 'ret ' });
    output.end();
    expect(told.stderr).toBe('ret secr');
    expect(output.tail()).not.toContain('secret');
  });

  test('is told up to a bound, which is said', () => {
    const { told, output } = collect([], 10);
    for (const text of ['12345', '67890abc', 'more', 'and more']) output.add('stdout', Buffer.from(text));
    expect(told.stdout).toBe('1234567890');
    expect(told.stderr).toContain('wrote 10 bytes; what it writes from here on is left out');
    expect(output.tail()).toContain('1234567890');
  });
});
