import { findingOf } from './check-rules.ts';
import { createDirectiveScanner } from './directives.ts';
import { dockerfileErrors } from './errors.ts';
import { heredocHeads, readHeredocBody } from './heredocs.ts';
import { parseJsonForm } from './json-form.ts';
import {
  createLineReader,
  excerpt,
  isBlank,
  joinMapped,
  trimSpace,
  trimStart,
  withoutEnd,
  type LineReader,
  type MappedText,
  type PhysicalLine,
} from './source-text.ts';
import { doAll, type Pieces } from './slices.ts';
import { splitBlanks, splitFirst, splitFlags, splitWords, trimmedSpan, type Span } from './spans.ts';
import type { CheckFinding, Directive, Heredoc, SourceRange, Statement, Word } from './types.ts';

export interface Statements {
  readonly directives: readonly Directive[];
  readonly escape: '\\' | '`';
  readonly statements: readonly Statement[];
  readonly findings: readonly CheckFinding[];
}

/** A fault of the syntax; `parseStatements` adds the place. */
class SyntaxFault extends Error {}

interface Arguments {
  readonly args: readonly Span[];
  readonly json: boolean;
  readonly child?: SpanStatement | undefined;
}

/** A statement whose places still count in the joined line. */
interface SpanStatement extends Arguments {
  readonly keyword: Span;
  readonly flags: readonly Span[];
  readonly text: string;
}

type ArgumentsReader = (rest: Span, escape: string) => Arguments;

const list = (args: readonly Span[]): Arguments => ({ args, json: false });

const jsonOr = (otherwise: (rest: Span) => readonly Span[]): ArgumentsReader => {
  return (rest) => {
    const form = parseJsonForm(rest.value, rest.start);
    if (form.kind === 'strings') return { args: form.items, json: true };
    if (form.kind === 'mixed') {
      throw new SyntaxFault('when using JSON array syntax, arrays must be comprised of strings only');
    }
    return list(otherwise(rest));
  };
};

const whole = (rest: Span): readonly Span[] => (rest.value === '' ? [] : [rest]);
const wholeOnly: ArgumentsReader = (rest) => list(whole(rest));
const blanks: ArgumentsReader = (rest) => list(splitBlanks(rest));
const jsonOrWhole = jsonOr(whole);
const jsonOrBlanks = jsonOr(splitBlanks);

/** Three words for each pair: name, value, and `=` or nothing (the old form). */
const pair = (word: Span): readonly Span[] => {
  const equals = word.value.indexOf('=');
  if (equals < 0) {
    throw new SyntaxFault(`Syntax error - can't find = in "${word.value}". Must be of the form: name=value`);
  }
  const place = { start: word.start, end: word.end };
  return [
    { value: word.value.slice(0, equals), start: word.start, end: Math.min(word.end, word.start + equals) },
    {
      value: word.value.slice(equals + 1),
      start: Math.min(word.end, word.start + equals + 1),
      end: word.end,
    },
    { value: '=', ...place },
  ];
};

const pairs =
  (keyword: string): ArgumentsReader =>
  (rest, escape) => {
    const words = splitWords(rest, escape);
    const first = words[0];
    if (first === undefined) return list([]);
    if (first.value.includes('=')) return list(words.flatMap(pair));
    const [name, value] = splitFirst(rest);
    if (value === undefined) throw new SyntaxFault(`${keyword} must have two arguments`);
    return list([name, value, { value: '', start: rest.end, end: rest.end }]);
  };

const health: ArgumentsReader = (rest, escape) => {
  if (rest.value === '') return list([]);
  const [type, command] = splitFirst(rest);
  if (command === undefined) return list([type]);
  const { args, json } = jsonOrWhole(command, escape);
  return { args: [type, ...args], json };
};

const subStatement: ArgumentsReader = (rest, escape) =>
  rest.value === '' ? list([]) : { args: [], json: false, child: readStatement(rest, escape) };

const READERS: Readonly<Record<string, ArgumentsReader>> = {
  add: jsonOrBlanks,
  arg: (rest, escape) => list(splitWords(rest, escape)),
  cmd: jsonOrWhole,
  copy: jsonOrBlanks,
  entrypoint: jsonOrWhole,
  env: pairs('ENV'),
  expose: blanks,
  from: blanks,
  healthcheck: health,
  label: pairs('LABEL'),
  maintainer: wholeOnly,
  onbuild: subStatement,
  run: jsonOrWhole,
  shell: jsonOrWhole,
  stopsignal: wholeOnly,
  user: wholeOnly,
  volume: jsonOrBlanks,
  workdir: wholeOnly,
};

/** The 18 instructions, in capitals. */
export const INSTRUCTIONS: readonly string[] = Object.keys(READERS).map((name) => name.toUpperCase());

const readStatement = (span: Span, escape: string): SpanStatement => {
  const [keyword, tail] = splitFirst(span);
  const { flags, rest } =
    tail === undefined
      ? { flags: [], rest: { value: '', start: span.end, end: span.end } }
      : splitFlags(tail, escape);
  const read = READERS[keyword.value.toLowerCase()];
  const found = read === undefined ? list([]) : read(rest, escape);
  return { keyword, flags, text: span.value, ...found };
};

const HEREDOC_KEYWORDS: ReadonlySet<string> = new Set(['add', 'copy', 'run']);

const takesHeredocs = (statement: SpanStatement): boolean => {
  const inner = statement.child ?? statement;
  return HEREDOC_KEYWORDS.has(inner.keyword.value.toLowerCase()) && !inner.json;
};

/** Places counted in the source instead of the joined line. */
const located = (
  statement: SpanStatement,
  toWord: (span: Span) => Word,
  rest: Pick<Statement, 'heredocs' | 'comments' | 'range'>,
): Statement => ({
  keyword: statement.keyword.value.toLowerCase(),
  writtenKeyword: statement.keyword.value,
  keywordRange: toWord(statement.keyword).range,
  flags: statement.flags.map(toWord),
  args: statement.args.map(toWord),
  json: statement.json,
  text: statement.text,
  ...(statement.child === undefined ? {} : { child: located(statement.child, toWord, rest) }),
  ...rest,
});

const isComment = (line: string): boolean => trimStart(line).startsWith('#');

interface LogicalLine {
  readonly mapped: MappedText;
  readonly start: number;
  readonly end: number;
  readonly hasEmptyContinuation: boolean;
}

/** A file while its statements are read. */
interface Reading {
  readonly file: string;
  readonly reader: LineReader;
  readonly scanDirective: ReturnType<typeof createDirectiveScanner>;
  readonly directives: Directive[];
  readonly findings: CheckFinding[];
  escape: '\\' | '`';
  /** Comment lines since the last statement. */
  comments: string[];
}

const fail = ({ file, reader }: Reading, problem: string, range: SourceRange): never => {
  const place = { file, line: range.start.line, excerpt: excerpt(reader.source, range) };
  throw dockerfileErrors.syntax({ problem, ...place });
};

/** Takes a directive at the top of the file; false when the line is none. */
const readDirective = (reading: Reading, line: PhysicalLine, text: string): boolean => {
  const found = reading.scanDirective(text);
  if (found.kind === 'end') return false;
  const range = reading.reader.range(line.offset, line.offset + line.text.length);
  if (found.kind === 'duplicate') {
    return fail(reading, `only one ${found.name} parser directive can be used`, range);
  }
  if (found.name === 'escape') {
    if (found.value !== '\\' && found.value !== '`') {
      return fail(reading, `invalid escape token '${found.value}' does not match \` or \\`, range);
    }
    reading.escape = found.value;
  }
  reading.directives.push({ name: found.name, value: found.value, range });
  return true;
};

const noteComment = (reading: Reading, text: string): void => {
  const comment = trimSpace(text.slice(1));
  if (comment === '') reading.comments = [];
  else reading.comments.push(comment);
};

/** The line without its continuation mark, and whether it had one. */
const continued = (text: string, escape: string): readonly [string, boolean] => {
  const body = withoutEnd(text, isBlank);
  const goesOn = body.endsWith(escape) && !body.slice(0, -1).endsWith(escape);
  return goesOn ? [body.slice(0, -1), true] : [text, false];
};

/** No program could be started with a longer argument; COPY of very many files fits. */
const MAX_INSTRUCTION = 1 << 20;

/** Joins a line with those that continue it; undefined when it is empty. */
function* readLogicalLine(reading: Reading, first: PhysicalLine): Pieces<LogicalLine | undefined> {
  const { reader, escape } = reading;
  const stripped = trimStart(first.text);
  const start = first.offset + (first.text.length - stripped.length);
  let [text, goesOn] = continued(stripped, escape);
  if (!goesOn && text === '') return undefined;
  const parts: (readonly [number, string])[] = [[start, text]];
  let end = first.offset + first.text.length;
  let length = text.length;
  let hasEmptyContinuation = false;
  while (goesOn) {
    const line = reader.next();
    if (line === undefined) break;
    yield;
    if (isComment(line.text)) continue;
    end = line.offset + line.text.length;
    if (trimStart(line.text) === '') {
      hasEmptyContinuation = true;
      continue;
    }
    [text, goesOn] = continued(line.text, escape);
    parts.push([line.offset, text]);
    length += text.length;
    if (length > MAX_INSTRUCTION)
      return fail(
        reading,
        `the instruction is longer than ${MAX_INSTRUCTION} characters`,
        reader.range(start, end),
      );
  }
  return { mapped: joinMapped(parts), start, end, hasEmptyContinuation };
}

function* readHeredocs(
  reading: Reading,
  statement: SpanStatement,
  line: LogicalLine,
): Pieces<readonly Heredoc[]> {
  if (!takesHeredocs(statement) || !line.mapped.text.includes('<<')) return [];
  const { reader } = reading;
  const heredocs: Heredoc[] = [];
  for (const head of heredocHeads(line.mapped.text)) {
    const found = yield* readHeredocBody(head, reader);
    heredocs.push(
      found ?? fail(reading, `unterminated heredoc <<${head.name}`, reader.range(line.start, line.end)),
    );
  }
  return heredocs;
}

const readSpans = (reading: Reading, line: LogicalLine): SpanStatement => {
  try {
    return readStatement(trimmedSpan(line.mapped.text, 0), reading.escape);
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    return fail(reading, error.message, reading.reader.range(line.start, line.end));
  }
};

const endOfLine = (source: string, offset: number): number => {
  const newline = source.indexOf('\n', offset);
  const end = newline < 0 ? source.length : newline;
  return source[end - 1] === '\r' ? end - 1 : end;
};

function* toStatement(reading: Reading, line: LogicalLine): Pieces<Statement> {
  const { reader, comments } = reading;
  const { mapped } = line;
  const statement = readSpans(reading, line);
  const toWord = (span: Span): Word => {
    const start = mapped.sourceOffset(span.start);
    const end = span.end > span.start ? mapped.sourceOffset(span.end - 1) + 1 : start;
    return { value: span.value, range: reader.range(start, end) };
  };
  const heredocs = yield* readHeredocs(reading, statement, line);
  const last = heredocs.at(-1);
  const end = last === undefined ? line.end : endOfLine(reader.source, last.range.end.offset);
  return located(statement, toWord, { heredocs, comments, range: reader.range(line.start, end) });
}

function* readNext(reading: Reading, line: PhysicalLine): Pieces<Statement | undefined> {
  const text = trimStart(line.text);
  const directive = readDirective(reading, line, text);
  if (text.startsWith('#')) {
    if (!directive) noteComment(reading, text);
    return undefined;
  }
  const logical = yield* readLogicalLine(reading, line);
  if (logical === undefined) {
    // Comments before an empty line do not describe what comes after it.
    reading.comments = [];
    return undefined;
  }
  const statement = yield* toStatement(reading, logical);
  reading.comments = [];
  if (logical.hasEmptyContinuation) {
    const { reader } = reading;
    const last = reader.position(logical.end);
    const start = { line: last.line, column: 1, offset: last.offset - last.column + 1 };
    reading.findings.push(findingOf('NoEmptyContinuation', { start, end: last }));
  }
  return statement;
}

/** `parseStatements` in pieces. */
export function* statementsOf(source: string, file: string): Pieces<Statements> {
  const reader = createLineReader(source);
  const reading: Reading = {
    file,
    reader,
    scanDirective: createDirectiveScanner(),
    directives: [],
    findings: [],
    escape: '\\',
    comments: [],
  };
  const statements: Statement[] = [];
  for (let line = reader.next(); line !== undefined; line = reader.next()) {
    const statement = yield* readNext(reading, line);
    if (statement !== undefined) statements.push(statement);
    yield;
  }
  if (statements.length === 0) throw dockerfileErrors.empty({ file });
  const { directives, escape, findings } = reading;
  return { directives, escape, statements, findings };
}

/**
 * Splits a Dockerfile into statements: directives, comments, continuations, heredocs, JSON forms. It checks the
 * syntax, not the meaning: unknown instructions pass.
 *
 * @throws `DOCKERFILE_SYNTAX`, `DOCKERFILE_EMPTY`
 */
export const parseStatements = (source: string, file = 'Dockerfile'): Statements =>
  doAll(statementsOf(source, file));
