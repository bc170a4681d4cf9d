import type * as z from 'zod/mini';
import { apiErrors } from './errors.ts';
import type { BodySchemas } from './schemas.ts';

export type BodyName = keyof BodySchemas;
/** A checked request body. */
export type Body<N extends BodyName> = z.output<BodySchemas[N]>;

const kindOf = (value: unknown): string => {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'list' : typeof value;
};

const fieldOf = (path: readonly PropertyKey[]): string =>
  path
    .map((part) => {
      if (typeof part === 'number') return `[${part}]`;
      return /^\w+$/.test(String(part)) ? `.${String(part)}` : `[${JSON.stringify(String(part))}]`;
    })
    .join('')
    .replace(/^\./, '');

const valueAt = (body: unknown, path: readonly PropertyKey[]): unknown => {
  let value = body;
  for (const part of path)
    value = typeof value === 'object' && value !== null ? (value as never)[part] : undefined;
  return value;
};

const problemOf = (issue: z.core.$ZodIssue, body: unknown): string => {
  const actual = valueAt(body, issue.path);
  if (issue.code === 'invalid_type') {
    const found =
      actual === undefined ? 'nothing' : `${kindOf(actual)} ${JSON.stringify(actual).slice(0, 60)}`;
    return `expected ${issue.expected === 'array' ? 'list' : issue.expected}, got ${found}`;
  }
  if (issue.code === 'invalid_value') return `expected one of ${issue.values.map(String).join(', ')}`;
  if (issue.code === 'unrecognized_keys') return `unknown field ${issue.keys.join(', ')}`;
  if (issue.code === 'invalid_union') return `got ${kindOf(actual)}, which is none of the accepted forms`;
  return issue.message;
};

/** Checks a request body; the error names the first field that is wrong and what was found there. */
export const checkBody = async <N extends BodyName>(name: N, value: unknown): Promise<Body<N>> => {
  const { bodySchemas } = await import('./schemas.ts');
  const result = bodySchemas[name].safeParse(value);
  if (result.success) return result.data as Body<N>;
  const [issue] = result.error.issues;
  if (issue === undefined) throw apiErrors.fieldInvalid({ field: '', problem: 'not accepted' });
  throw apiErrors.fieldInvalid({ field: fieldOf(issue.path), problem: problemOf(issue, value) });
};

/** The JSON text of a request body, checked; empty text is an empty object. */
export const parseBody = async <N extends BodyName>(name: N, json: string): Promise<Body<N>> => {
  let value: unknown;
  try {
    value = json.trim() === '' ? {} : JSON.parse(json);
  } catch (error) {
    throw apiErrors.bodyNotJson({ problem: error instanceof Error ? error.message : String(error) });
  }
  return await checkBody(name, value);
};
