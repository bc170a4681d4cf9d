import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatTimeNs, parseLogLine, parseTimeNs } from './log-line.ts';
import { readLogs } from './logs.ts';
import type { LogOptions } from './types.ts';

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'logs-'));
  path = join(directory, 'log');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const line = (second: number, text: string, tag = 'F', stream = 'stdout'): string =>
  `2026-01-01T00:00:${String(second).padStart(2, '0')}.5+00:00 ${stream} ${tag} ${text}\n`;

const at = (second: number): bigint =>
  parseTimeNs(`2026-01-01T00:00:${String(second).padStart(2, '0')}Z`) ?? 0n;

const read = async (options: LogOptions = {}): Promise<string[]> => {
  const records: string[] = [];
  for await (const record of readLogs(path, options)) records.push(record.data.toString());
  return records;
};

describe('times', () => {
  test('keep nanoseconds and zones', () => {
    expect(formatTimeNs(parseTimeNs('2026-01-01T02:00:00.123456789+01:00') ?? 0n)).toBe(
      '2026-01-01T01:00:00.123456789Z',
    );
    expect(parseTimeNs('yesterday')).toBeUndefined();
  });

  test('format is the inverse of parse', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 4_000_000_000_000_000_000n), (ns) => parseTimeNs(formatTimeNs(ns)) === ns),
    );
  });
});

describe('readLogs', () => {
  test('joins nothing, marks pieces, keeps spaces, skips what is no record', async () => {
    writeFileSync(path, line(1, ' a  b ') + line(1, 'piece', 'P') + 'garbage\n' + line(2, '', 'F', 'stderr'));
    expect(await read()).toEqual([' a  b \n', 'piece', '\n']);
    expect(parseLogLine(Buffer.from(line(2, 'x', 'P', 'stderr').trimEnd()))).toMatchObject({
      stream: 'stderr',
      partial: true,
    });
  });

  test('of no file is empty', async () => {
    expect(await read()).toEqual([]);
  });

  test.each([
    [{ tail: 0 }, []],
    [{ tail: 1 }, ['4\n']],
    [{ tail: 2 }, ['3a', '3b\n', '4\n']],
    [{ tail: 99 }, ['1\n', '2\n', '3a', '3b\n', '4\n']],
    [{ sinceNs: at(3) }, ['3a', '3b\n', '4\n']],
    [{ untilNs: at(3) }, ['1\n', '2\n']],
  ])('%o', async (options, expected) => {
    writeFileSync(path, line(1, '1') + line(2, '2') + line(3, '3a', 'P') + line(3, '3b') + line(4, '4'));
    expect(await read(options)).toEqual(expected);
  });

  test('tail is right across blocks', async () => {
    const lines = Array.from({ length: 3000 }, (_, number) => `${number} ${'x'.repeat(300)}`);
    writeFileSync(path, lines.map((text) => line(1, text)).join(''));
    expect(await read({ tail: 2500 })).toEqual(lines.slice(-2500).map((text) => `${text}\n`));
    expect((await read()).length).toBe(3000);
  });

  test('follow sees what is added, in pieces, and ends with its writer', async () => {
    writeFileSync(path, line(1, 'a'));
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const reading = read({ follow: true, ended });
    const text = line(2, 'b');
    appendFileSync(path, text.slice(0, 20));
    setTimeout(() => {
      appendFileSync(path, text.slice(20) + line(3, 'c'));
      end();
    }, 30);
    expect(await reading).toEqual(['a\n', 'b\n', 'c\n']);
  });

  test('follow ends when aborted', async () => {
    writeFileSync(path, line(1, 'a'));
    const abort = new AbortController();
    const reading = read({ follow: true, signal: abort.signal });
    setTimeout(() => abort.abort(), 30);
    expect(await reading).toEqual(['a\n']);
  });
});
