import { consoleErrors } from './errors.ts';
import { NO_VALUE, goString } from './go-format.ts';
import {
  HEADING_FUNCTIONS,
  TEMPLATE_FUNCTIONS,
  isTrue,
  type TemplateFunction,
} from './template-functions.ts';
import type { Command, Operand, Pipeline, TemplateNode } from './template-nodes.ts';
import { parseTemplate } from './template-parser.ts';

export interface TemplateOptions {
  /** What a field that does not exist is: Go's `<no value>`, or an error. */
  readonly missing?: 'no-value' | 'error';
  /** Names of fields whose value is a map: a key that is not there is `<no value>` and no error. */
  readonly maps?: ReadonlySet<string>;
  /** Run as the heading row of a table. */
  readonly heading?: boolean;
}

/** Executes the template on `data`; objects may have functions as members, which `{{.Label "x"}}` calls. */
export type Template = (data: unknown, options?: TemplateOptions) => string;

interface Scope {
  readonly root: unknown;
  readonly functions: Readonly<Record<string, TemplateFunction>>;
  readonly options: TemplateOptions;
  readonly variables: { readonly name: string; value: unknown }[];
}

type Outcome = 'break' | 'continue' | undefined;

const fault = (problem: string): Error => consoleErrors.templateInvalid({ problem });

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The member's own name, or one that differs by case only, as Go's `ID` for JSON's `Id`. */
const keyOf = (record: Record<string, unknown>, name: string): string | undefined => {
  if (Object.hasOwn(record, name)) return name;
  const lower = name.toLowerCase();
  return Object.keys(record).find((key) => key.toLowerCase() === lower);
};

const missing = (scope: Scope, name: string, parent: string | undefined): unknown => {
  const inMap = parent !== undefined && scope.options.maps?.has(parent) === true;
  if (scope.options.missing !== 'error' || inMap) return NO_VALUE;
  throw fault(`executing "" at <.${name}>: map has no entry for key "${name}"`);
};

const field = (scope: Scope, value: unknown, at: readonly [string, string | undefined]): unknown => {
  const [name, parent] = at;
  if (value === NO_VALUE) return NO_VALUE;
  if (value === null || value === undefined) {
    if (scope.options.missing !== 'error') return NO_VALUE;
    throw fault(`executing "" at <.${name}>: nil pointer evaluating ${parent ?? 'nil'}.${name}`);
  }
  if (!isRecord(value))
    throw fault(`executing "" at <.${name}>: can't evaluate field ${name} in type ${typeof value}`);
  const key = keyOf(value, name);
  return key === undefined ? missing(scope, name, parent) : value[key];
};

const walk = (
  scope: Scope,
  start: unknown,
  path: { readonly fields: readonly string[]; readonly args: readonly unknown[] },
): unknown => {
  let [value, parent] = [start, undefined as string | undefined];
  for (const [index, name] of path.fields.entries()) {
    value = field(scope, value, [name, parent]);
    if (typeof value === 'function') {
      const last = index === path.fields.length - 1;
      value = (value as TemplateFunction)(...(last ? path.args : []));
    } else if (path.args.length > 0 && index === path.fields.length - 1) {
      throw fault(`executing "" at <.${name}>: ${name} has arguments but cannot be invoked as function`);
    }
    parent = name;
  }
  return value;
};

const variable = (scope: Scope, name: string): { value: unknown } => {
  if (name === '') return { value: scope.root };
  const found = scope.variables.findLast((candidate) => candidate.name === name);
  if (found === undefined) throw fault(`undefined variable "$${name}"`);
  return found;
};

const evaluateOperand = (
  scope: Scope,
  dot: unknown,
  operand: Operand,
  args: readonly unknown[] = [],
): unknown => {
  switch (operand.kind) {
    case 'dot':
      return walk(scope, dot, { fields: operand.fields, args });
    case 'variable':
      return walk(scope, variable(scope, operand.name).value, { fields: operand.fields, args });
    case 'literal':
      return operand.value;
    case 'pipeline':
      return walk(scope, evaluatePipeline(scope, dot, operand.pipeline), { fields: operand.fields, args });
    case 'function':
      return callFunction(scope, operand.name, args);
    default:
      return operand satisfies never;
  }
};

const callFunction = (scope: Scope, name: string, args: readonly unknown[]): unknown => {
  const call = scope.functions[name];
  if (call === undefined) throw fault(`function "${name}" not defined`);
  return call(...args);
};

/** `and` and `or`: the first argument that decides, the rest is not evaluated. */
const decide = (name: 'and' | 'or', values: readonly (() => unknown)[]): unknown => {
  let value: unknown = NO_VALUE;
  for (const next of values) {
    value = next();
    if (isTrue(value) === (name === 'or')) return value;
  }
  return value;
};

const evaluateCommand = (
  scope: Scope,
  dot: unknown,
  at: { readonly command: Command; readonly final: readonly unknown[] },
): unknown => {
  const [head, ...rest] = at.command;
  if (head === undefined) throw fault('missing value for command');
  if (head.kind === 'function' && (head.name === 'and' || head.name === 'or')) {
    const lazy = rest.map((operand) => () => evaluateOperand(scope, dot, operand));
    return decide(head.name, [...lazy, ...at.final.map((value) => () => value)]);
  }
  const args = [...rest.map((operand) => evaluateOperand(scope, dot, operand)), ...at.final];
  if (args.length > 0 && head.kind === 'literal')
    throw fault(`can't give argument to non-function ${goString(head.value)}`);
  return evaluateOperand(scope, dot, head, args);
};

const evaluatePipeline = (scope: Scope, dot: unknown, pipeline: Pipeline): unknown => {
  let value: unknown;
  for (const [index, command] of pipeline.commands.entries())
    value = evaluateCommand(scope, dot, { command, final: index === 0 ? [] : [value] });
  return value;
};

/** Evaluates and binds; range binds its variables itself. */
const evaluateBound = (scope: Scope, dot: unknown, pipeline: Pipeline): unknown => {
  const value = evaluatePipeline(scope, dot, pipeline);
  const [name] = pipeline.variables;
  if (name === undefined) return value;
  if (pipeline.assigns) variable(scope, name).value = value;
  else scope.variables.push({ name, value });
  return value;
};

const itemsOf = (value: unknown): readonly (readonly [unknown, unknown])[] => {
  if (value === null || value === undefined || value === NO_VALUE) return [];
  if (Array.isArray(value)) return value.map((item, index) => [index, item] as const);
  if (typeof value === 'number') return Array.from({ length: value }, (_, index) => [index, index] as const);
  if (isRecord(value)) return Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  throw fault(`range can't iterate over ${goString(value)}`);
};

interface Run {
  readonly scope: Scope;
  readonly out: string[];
}

const runRange = (
  run: Run,
  dot: unknown,
  node: Extract<TemplateNode, { kind: 'if' | 'with' | 'range' }>,
): Outcome => {
  const items = itemsOf(evaluatePipeline(run.scope, dot, node.pipeline));
  if (items.length === 0) return runList(run, dot, node.otherwise);
  const names = node.pipeline.variables;
  for (const [key, item] of items) {
    const depth = run.scope.variables.length;
    const bound = names.length === 2 ? [key, item] : [item];
    for (const [index, name] of names.entries()) run.scope.variables.push({ name, value: bound[index] });
    const outcome = runList(run, item, node.body);
    run.scope.variables.length = depth;
    if (outcome === 'break') break;
  }
  return undefined;
};

const runNode = (run: Run, dot: unknown, node: TemplateNode): Outcome => {
  switch (node.kind) {
    case 'text':
      run.out.push(node.text);
      return undefined;
    case 'action': {
      const value = evaluateBound(run.scope, dot, node.pipeline);
      if (node.pipeline.variables.length === 0) run.out.push(goString(value));
      return undefined;
    }
    case 'if':
    case 'with': {
      const depth = run.scope.variables.length;
      const value = evaluateBound(run.scope, dot, node.pipeline);
      const inner = node.kind === 'with' ? value : dot;
      const outcome = isTrue(value) ? runList(run, inner, node.body) : runList(run, dot, node.otherwise);
      run.scope.variables.length = depth;
      return outcome;
    }
    case 'range':
      return runRange(run, dot, node);
    case 'break':
    case 'continue':
      return node.kind;
    default:
      return node satisfies never;
  }
};

const runList = (run: Run, dot: unknown, nodes: readonly TemplateNode[]): Outcome => {
  for (const node of nodes) {
    const outcome = runNode(run, dot, node);
    if (outcome !== undefined) return outcome;
  }
  return undefined;
};

/**
 * Compiles a Go template with docker's functions.
 *
 * @throws CONSOLE_TEMPLATE_INVALID, also when it is executed.
 */
export const compileTemplate = (source: string): Template => {
  const nodes = parseTemplate(source);
  return (data, options = {}) => {
    const functions = options.heading === true ? HEADING_FUNCTIONS : TEMPLATE_FUNCTIONS;
    const run: Run = { scope: { root: data, functions, options, variables: [] }, out: [] };
    runList(run, data, nodes);
    return run.out.join('');
  };
};
