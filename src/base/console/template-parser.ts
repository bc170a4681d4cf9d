import { consoleErrors } from './errors.ts';
import { lexTemplate, type Token } from './template-lexer.ts';
import type { Command, Operand, Pipeline, TemplateNode } from './template-nodes.ts';

interface Cursor {
  readonly tokens: readonly Token[];
  at: number;
}

const fault = (problem: string): Error => consoleErrors.templateInvalid({ problem });

const peek = (cursor: Cursor): Token => cursor.tokens[cursor.at] ?? { kind: 'close' };

const skipSpace = (cursor: Cursor): void => {
  while (peek(cursor).kind === 'space') cursor.at += 1;
};

const isMark = (token: Token, mark: string): boolean => token.kind === 'mark' && token.mark === mark;

const describe = (token: Token): string => {
  switch (token.kind) {
    case 'word':
      return token.word;
    case 'mark':
      return token.mark;
    case 'field':
      return `.${token.name}`;
    case 'variable':
      return `$${token.name}`;
    case 'string':
    case 'number':
      return String(token.value);
    case 'text':
    case 'open':
    case 'close':
    case 'space':
      return 'end of action';
    default:
      return token satisfies never;
  }
};

const takeFields = (cursor: Cursor): readonly string[] => {
  const fields: string[] = [];
  for (let token = peek(cursor); token.kind === 'field'; token = peek(cursor)) {
    fields.push(token.name);
    cursor.at += 1;
  }
  return fields;
};

const WORDS: Readonly<Record<string, boolean | null>> = { true: true, false: false, nil: null };

const parseOperand = (cursor: Cursor): Operand => {
  const token = peek(cursor);
  if (token.kind === 'field') return { kind: 'dot', fields: takeFields(cursor) };
  cursor.at += 1;
  if (isMark(token, '.')) return { kind: 'dot', fields: takeFields(cursor) };
  if (token.kind === 'variable') return { kind: 'variable', name: token.name, fields: takeFields(cursor) };
  if (token.kind === 'string' || token.kind === 'number') return { kind: 'literal', value: token.value };
  if (token.kind === 'word') {
    const literal = WORDS[token.word];
    return literal === undefined
      ? { kind: 'function', name: token.word }
      : { kind: 'literal', value: literal };
  }
  if (isMark(token, '(')) {
    const pipeline = parsePipeline(cursor);
    if (!isMark(peek(cursor), ')')) throw fault('unclosed left paren');
    cursor.at += 1;
    return { kind: 'pipeline', pipeline, fields: takeFields(cursor) };
  }
  throw fault(`unexpected <${describe(token)}> in operand`);
};

const endsCommand = (token: Token): boolean =>
  token.kind === 'close' || isMark(token, '|') || isMark(token, ')');

const parseCommand = (cursor: Cursor): Command => {
  const operands: Operand[] = [];
  skipSpace(cursor);
  while (!endsCommand(peek(cursor))) {
    operands.push(parseOperand(cursor));
    const next = peek(cursor);
    if (next.kind !== 'space' && !endsCommand(next)) throw fault(`unexpected <${describe(next)}> in operand`);
    skipSpace(cursor);
  }
  if (operands.length === 0) throw fault('missing value for command');
  return operands;
};

/** `$x :=`, `$i, $e :=` or `$x =` at the start of a pipeline. */
const parseVariables = (cursor: Cursor): Pick<Pipeline, 'variables' | 'assigns'> => {
  const start = cursor.at;
  const variables: string[] = [];
  for (;;) {
    skipSpace(cursor);
    const token = peek(cursor);
    if (token.kind !== 'variable') break;
    variables.push(token.name);
    cursor.at += 1;
    skipSpace(cursor);
    const next = peek(cursor);
    if (isMark(next, ':=') || isMark(next, '=')) {
      cursor.at += 1;
      return { variables, assigns: isMark(next, '=') };
    }
    if (!isMark(next, ',')) break;
    cursor.at += 1;
  }
  cursor.at = start;
  return { variables: [], assigns: false };
};

const parsePipeline = (cursor: Cursor): Pipeline => {
  const head = parseVariables(cursor);
  const commands = [parseCommand(cursor)];
  while (isMark(peek(cursor), '|')) {
    cursor.at += 1;
    commands.push(parseCommand(cursor));
  }
  return { ...head, commands };
};

const closeAction = (cursor: Cursor): void => {
  skipSpace(cursor);
  const token = peek(cursor);
  if (token.kind !== 'close') throw fault(`unexpected <${describe(token)}> in command`);
  cursor.at += 1;
};

/** The keyword that begins the action at the cursor, which is consumed when it is one of `keywords`. */
const takeKeyword = (cursor: Cursor, keywords: readonly string[]): string | undefined => {
  const start = cursor.at;
  skipSpace(cursor);
  const token = peek(cursor);
  if (token.kind === 'word' && keywords.includes(token.word)) {
    cursor.at += 1;
    return token.word;
  }
  cursor.at = start;
  return undefined;
};

const parseBlock = (cursor: Cursor, kind: 'if' | 'with' | 'range'): TemplateNode => {
  const pipeline = parsePipeline(cursor);
  closeAction(cursor);
  const body = parseList(cursor, true);
  if (body.end === 'end') return { kind, pipeline, body: body.nodes, otherwise: [] };
  const chained = takeKeyword(cursor, ['if', 'with']);
  if (chained !== undefined) {
    const inner = parseBlock(cursor, chained as 'if' | 'with');
    return { kind, pipeline, body: body.nodes, otherwise: [inner] };
  }
  closeAction(cursor);
  const otherwise = parseList(cursor, true);
  if (otherwise.end !== 'end') throw fault('unexpected {{else}}');
  return { kind, pipeline, body: body.nodes, otherwise: otherwise.nodes };
};

const UNSUPPORTED = ['define', 'template', 'block'];

const parseAction = (cursor: Cursor): TemplateNode => {
  const block = takeKeyword(cursor, ['if', 'with', 'range']);
  if (block !== undefined) return parseBlock(cursor, block as 'if');
  const jump = takeKeyword(cursor, ['break', 'continue']);
  if (jump !== undefined) {
    closeAction(cursor);
    return { kind: jump as 'break' };
  }
  const other = takeKeyword(cursor, UNSUPPORTED);
  if (other !== undefined) throw fault(`{{${other}}} is not supported in a format`);
  const pipeline = parsePipeline(cursor);
  closeAction(cursor);
  return { kind: 'action', pipeline };
};

const parseList = (
  cursor: Cursor,
  inBlock: boolean,
): { readonly nodes: readonly TemplateNode[]; readonly end: 'end' | 'else' | 'eof' } => {
  const nodes: TemplateNode[] = [];
  while (cursor.at < cursor.tokens.length) {
    const token = peek(cursor);
    cursor.at += 1;
    if (token.kind === 'text') {
      nodes.push({ kind: 'text', text: token.text });
      continue;
    }
    const ending = takeKeyword(cursor, ['end', 'else']);
    if (ending !== undefined && !inBlock) throw fault(`unexpected {{${ending}}}`);
    if (ending === 'end') closeAction(cursor);
    if (ending === 'end' || ending === 'else') return { nodes, end: ending };
    nodes.push(parseAction(cursor));
  }
  if (inBlock) throw fault('unexpected EOF');
  return { nodes, end: 'eof' };
};

/**
 * Parses a Go text/template as docker's `--format` uses them (no define, template, block).
 *
 * @throws CONSOLE_TEMPLATE_INVALID
 */
export const parseTemplate = (source: string): readonly TemplateNode[] =>
  parseList({ tokens: lexTemplate(source), at: 0 }, false).nodes;
