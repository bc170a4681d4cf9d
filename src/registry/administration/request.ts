import type { Context } from 'hono';
import { requireNeeds, type Need } from '#access';
import { readBody } from '#http';
import * as z from 'zod';
import { administrationErrors } from './errors.ts';
import type { AdminEnv } from './types.ts';

type AdminContext = Context<AdminEnv>;

const BODY_BYTES = 1024 * 1024;

/** Checks what the caller may do. @throws ACCESS_UNAUTHORIZED, ACCESS_DENIED */
export const requireOf = (c: AdminContext, ...needs: readonly Need[]): void =>
  requireNeeds(c.get('caller'), needs);

/** @throws ACCESS_UNAUTHORIZED, ACCESS_DENIED for who does not administer the registry */
export const requireAdministrator = (c: AdminContext): void => requireOf(c, { kind: 'administration' });

/** A whole number of the query. @throws ADMINISTRATION_PARAMETER_INVALID */
export const numberOf = (c: AdminContext, name: string, standard: number): number => {
  const value = c.req.query(name);
  if (value === undefined) return standard;
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw administrationErrors.parameterInvalid({ name, value, reason: 'it is not a number from 0 on' });
};

/** One of several words of the query. @throws ADMINISTRATION_PARAMETER_INVALID */
export const wordOf = <const T extends string>(
  c: AdminContext,
  name: string,
  words: readonly T[],
): T | undefined => {
  const value = c.req.query(name);
  if (value === undefined) return undefined;
  const word = words.find((candidate) => candidate === value);
  if (word !== undefined) return word;
  throw administrationErrors.parameterInvalid({ name, value, reason: `it is none of ${words.join(', ')}` });
};

/** The request's JSON, checked; an empty body counts as `{}`. @throws ADMINISTRATION_BODY_INVALID */
export const bodyOf = async <T>(c: AdminContext, schema: z.ZodType<T>): Promise<T> => {
  const text = (await readBody(c, BODY_BYTES)).toString('utf8');
  let value: unknown;
  try {
    value = text.trim() === '' ? {} : JSON.parse(text);
  } catch (error) {
    throw administrationErrors.bodyInvalid({ reason: 'it is not JSON' }, error);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw administrationErrors.bodyInvalid({ reason: z.prettifyError(result.error) });
};
