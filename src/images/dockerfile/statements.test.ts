import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { detectSyntax } from './directives.ts';
import { parseStatements } from './statements.ts';
import { printStatement } from './testing.ts';

const spec = new URL('../../../../shared/spec/dockerfile-parser/', import.meta.url);
const available = existsSync(spec);
const cases = available ? readdirSync(spec).toSorted() : [];

const printed = (source: string): readonly string[] => parseStatements(source).statements.map(printStatement);

describe.skipIf(!available)('public parse trees (needs ../shared/spec)', () => {
  test('has cases', () => expect(cases.length).toBeGreaterThan(20));
  test.each(cases)('%s', (name) => {
    const source = readFileSync(new URL(`${name}/Dockerfile`, spec), 'utf8');
    const want = readFileSync(new URL(`${name}/result`, spec), 'utf8');
    expect(printed(source).join('\n').trim()).toBe(want.trim());
  });
});

describe('parseStatements', () => {
  test('gives every word its exact place, also across continuations', () => {
    const source =
      'FROM a\nRUN --network=none \\\n  # comment\n  echo hi \\\n  there\nCOPY ["a b",\\\n "c"]\n';
    const { statements } = parseStatements(source);
    for (const statement of statements) {
      for (const word of [...statement.flags, ...statement.args]) {
        const { start, end } = word.range;
        const lines = source.slice(0, start.offset).split('\n');
        expect([lines.length, (lines.at(-1)?.length ?? 0) + 1]).toEqual([start.line, start.column]);
        if (start.line === end.line && statement.keyword !== 'copy') {
          expect(source.slice(start.offset, end.offset)).toBe(word.value);
        }
      }
    }
    expect(statements[1]?.range).toMatchObject({
      start: { line: 2, column: 1 },
      end: { line: 5, column: 8 },
    });
    const [first, second] = statements[2]?.args ?? [];
    expect(source.slice(first?.range.start.offset, first?.range.end.offset)).toBe('"a b"');
    expect(source.slice(second?.range.start.offset, second?.range.end.offset)).toBe('"c"');
  });

  test('reads heredocs with their bodies', () => {
    const source =
      'RUN <<EOF cat 3<<-\'X\'\nfirst\nEOF\n\tsecond\n\tX\nCOPY <<a <<"b c" /d/\n1\na\n2\nb c\nRUN echo $((1<<2))\n';
    const { statements } = parseStatements(source);
    expect(statements.map((statement) => statement.heredocs)).toMatchObject([
      [
        { name: 'EOF', content: 'first\n', expand: true, stripTabs: false, fileDescriptor: 0 },
        { name: 'X', content: '\tsecond\n', expand: false, stripTabs: true, fileDescriptor: 3 },
      ],
      [
        { name: 'a', content: '1\n', expand: true },
        { name: 'b c', content: '2\n', expand: false },
      ],
      [],
    ]);
    expect(statements[0]?.range.end).toMatchObject({ line: 5, column: 3 });
  });

  test('an ONBUILD takes the heredoc of its instruction', () => {
    const { statements } = parseStatements('ONBUILD RUN <<E\nx\nE\n');
    expect(statements[0]?.heredocs[0]?.content).toBe('x\n');
    expect(printStatement(statements[0]!)).toBe('(onbuild (run "<<E"))');
  });

  test.each([
    ['RUN <<EOF\nx\n', /unterminated heredoc/u],
    ['# escape=x\nFROM a', /invalid escape token/u],
    ['# escape=`\n# escape=`\nFROM a', /only one escape/u],
    ['FROM a\nENV x', /two arguments/u],
    ['FROM a\nENV x=1 y', /can't find = in "y"/u],
    ['FROM a\nCMD [1]', /strings only/u],
    ['# nothing\n', /no instructions/u],
  ])('%j is refused', (source, message) => {
    expect(() => parseStatements(source)).toThrow(message);
  });

  test('an error shows the lines around the place', () => {
    expect(() => parseStatements('FROM a\nENV x\nRUN y', 'sub/Dockerfile')).toThrow(
      / line 2: ENV must[^]*sub\/Dockerfile:2\n[^]*2 \| >>> ENV x/u,
    );
  });

  test('takes a byte order mark, carriage returns, flags with quotes and non-ASCII text', () => {
    expect(printed('\uFEFFFROM a\r\nCOPY --chown="a b":c --from=x\\ y é ü\r\n')).toEqual([
      '(from "a")',
      '(copy ["--chown=a b:c" "--from=x y"] "é" "ü")',
    ]);
  });

  test('directives end at the first other line; comments belong to the next statement', () => {
    const parsed = parseStatements(
      '# syntax=docker/dockerfile:1\n# Check = skip=all\n# note\n# escape=`\nFROM a\n',
    );
    expect(parsed.directives.map(({ name, value }) => [name, value])).toEqual([
      ['syntax', 'docker/dockerfile:1'],
      ['check', 'skip=all'],
    ]);
    expect(parsed.escape).toBe('\\');
    expect(parsed.statements[0]?.comments).toEqual(['note', 'escape=`']);
  });

  test('an empty continuation line is a finding', () => {
    expect(parseStatements('FROM a\nRUN x \\\n\n  y\n').findings[0]).toMatchObject({
      rule: 'NoEmptyContinuation',
      range: { start: { line: 4 }, end: { line: 4 } },
    });
  });
});

describe('detectSyntax', () => {
  test.each([
    ['# syntax = a/b:1\nFROM x', 'a/b:1'],
    ['#!/usr/bin/env x\n# syntax=a', 'a'],
    ['// syntax=a', 'a'],
    ['{"syntax":"a"}', 'a'],
    ['FROM x\n# syntax=a', undefined],
  ])('%j', (source, want) => expect(detectSyntax(source)).toBe(want));
});
