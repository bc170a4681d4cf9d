import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  alignColumns,
  ansicTime,
  binarySize,
  createDetachFilter,
  ellipsis,
  formatRows,
  goQuote,
  goTimeOf,
  humanSize,
  nearest,
  parseBytes,
  parseDetachKeys,
  requireDuration,
  shortId,
  visible,
} from './index.ts';

test('sizes are docker’s', () => {
  const shown = [0, 999, 1000, 1234, 12_345, 123_456, 1_234_567, 211e6, 5e9].map((size) =>
    humanSize(size, 3),
  );
  expect(shown).toEqual(['0B', '999B', '1kB', '1.23kB', '12.3kB', '123kB', '1.23MB', '211MB', '5GB']);
  expect(humanSize(143_360)).toBe('143.4kB');
  expect(binarySize(23.54 * 1024 ** 3)).toBe('23.54GiB');
  expect(['512m', '1g', '1.5GiB', '10', '3 kb', '2KB'].map(parseBytes)).toEqual([
    512 * 1024 ** 2,
    1024 ** 3,
    1.5 * 1024 ** 3,
    10,
    3072,
    2048,
  ]);
  for (const text of ['', 'x', '5x', '1..5', '-', '-1', '-5k', '9999999999g'])
    expect(() => parseBytes(text)).toThrow(`invalid size: '${text}'`);
});

test('durations are Go’s', () => {
  expect(requireDuration('1h2m3.5s')).toBe(3723.5e9);
  expect(requireDuration('-1.5ms')).toBe(-1.5e6);
  expect(requireDuration('0')).toBe(0);
  for (const text of ['', '5', '1d', 's', '1m x'])
    expect(() => requireDuration(text)).toThrow('invalid duration');
});

test('times in Go’s forms', () => {
  expect(ansicTime('2026-11-02T03:04:05.678Z')).toBe('Mon Nov  2 03:04:05 2026');
  expect(ansicTime('soon')).toBe('soon');
  expect(goTimeOf('2026-11-21T05:05:43.230Z')).toBe('2026-11-21 05:05:43.23 +0000 UTC');
  expect(goTimeOf('2026-11-21T05:05:43Z')).toBe('2026-11-21 05:05:43 +0000 UTC');
});

test('nothing that came from an image steers the terminal', () => {
  expect(visible('a\u001B[31mb\u0007\u009Bc\r\n\t\u202Ed')).toBe('a\\x1b[31mb\\x07\\x9bc\\r\\n\\t\\u202ed');
  expect(visible('héllo → 世界')).toBe('héllo → 世界');
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !/\p{Cc}/u.test(visible(text))));
  expect(goQuote('a\u0001"\n')).toBe('"a\\x01\\"\\n"');
  expect(ellipsis('abcdef', 4)).toBe('abc…');
  expect(ellipsis('abcd', 4)).toBe('abcd');
  expect(shortId('sha256:0123456789abcdef')).toBe('0123456789ab');
});

describe('tables', () => {
  const headings = { ID: 'ID', Name: 'NAME' };

  test('columns are as wide as their widest cell and three blanks', () => {
    const rows = [
      { ID: '1', Name: 'a' },
      { ID: 'twelve-chars', Name: 'b' },
    ];
    const options = { headings, terminal: false };
    expect(formatRows(rows, { ...options, format: 'table {{.ID}}\\t{{.Name}}' })).toBe(
      'ID             NAME\n1              a\ntwelve-chars   b\n',
    );
    expect(formatRows([], { ...options, format: 'table {{.ID}}\t{{upper .Name}}' })).toBe('ID        NAME\n');
    expect(formatRows(rows, { ...options, format: '{{.Name}}' })).toBe('a\nb\n');
  });

  test('a whole line as JSON escapes what docker escapes, a field does not', () => {
    const options = { headings, terminal: true };
    expect(formatRows([{ ID: '<a>' }], { ...options, format: 'json' })).toBe('{"ID":"\\u003ca\\u003e"}\n');
    expect(formatRows([{ ID: '<a>' }], { ...options, format: '{{json .ID}}' })).toBe('"<a>"\n');
  });

  test('control characters are shown in tables always, elsewhere on a terminal', () => {
    const rows = [{ ID: 'a\u001Bb' }];
    expect(formatRows(rows, { headings, terminal: false, format: 'table {{.ID}}' })).toBe('ID\na\\x1bb\n');
    expect(formatRows(rows, { headings, terminal: true, format: '{{.ID}}' })).toBe('a\\x1bb\n');
    expect(formatRows(rows, { headings, terminal: false, format: '{{.ID}}' })).toBe('a\u001Bb\n');
  });

  test('a label’s heading, and an unknown field', () => {
    const row = { Label: () => 'v' };
    const options = { headings, terminal: false };
    expect(formatRows([row], { ...options, format: 'table {{.Label "com.x.some-name"}}' })).toBe(
      'some name\nv\n',
    );
    expect(() => formatRows([row], { ...options, format: '{{.Nope}}' })).toThrow('Nope');
  });

  test('a line without tabs ends a column, as in Go’s tabwriter', () => {
    expect(alignColumns('a\tb\nlonger-than-that\tc\n\nx\ty', { minWidth: 1, padding: 1 })).toBe(
      'a                b\nlonger-than-that c\n\nx y',
    );
  });
});

describe('detach keys', () => {
  test('are found over any pieces; a broken beginning is passed on', () => {
    const filter = createDetachFilter(parseDetachKeys('ctrl-p,ctrl-q'));
    expect(filter(Buffer.from('ab\u0010'))).toEqual({ pass: Buffer.from('ab'), detached: false });
    expect(filter(Buffer.from('c'))).toEqual({ pass: Buffer.from('\u0010c'), detached: false });
    expect(filter(Buffer.from('\u0010\u0010'))).toEqual({ pass: Buffer.from('\u0010'), detached: false });
    expect(filter(Buffer.from('\u0011rest'))).toEqual({ pass: Buffer.alloc(0), detached: true });
  });

  test('have docker’s spelling', () => {
    expect(parseDetachKeys('ctrl-@,a,ctrl-[')).toEqual([0, 97, 27]);
    expect(() => parseDetachKeys('ctrl-1')).toThrow('invalid detach keys');
    expect(() => parseDetachKeys('ab')).toThrow('invalid detach keys');
  });
});

test('the nearest word', () => {
  expect(nearest('imges', ['images', 'import', 'ps'])).toBe('images');
  expect(nearest('pss', ['images', 'ps'])).toBe('ps');
  expect(nearest('quux', ['images', 'ps'])).toBeUndefined();
});

describe('rows', () => {
  const rows = (format: string): { readonly text: string; readonly ran: number } => {
    let ran = 0;
    const row = {
      Name: 'a',
      get Slow() {
        ran += 1;
        return 'b';
      },
    };
    return { text: formatRows([row], { format, headings: {}, terminal: false }), ran };
  };

  test('a getter runs only where the format may want its field', () => {
    expect(rows('{{.Name}} x {{ .Name }}')).toEqual({ text: 'a x a\n', ran: 0 });
    expect(rows('{{.Slow}}').text).toBe('b\n');
    expect(rows('{{json .}}').text).toBe('{"Name":"a","Slow":"b"}\n');
    expect(rows('{{if .Name}}{{.Slow}}{{end}}').text).toBe('b\n');
    expect(rows('json').text).toBe('{"Name":"a","Slow":"b"}\n');
    expect(() => rows('{{.Nothing}}')).toThrow('Nothing');
  });
});
