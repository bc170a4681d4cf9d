import type { Context } from 'hono';
import {
  API_VERSION,
  apiErrors,
  compareApiVersions,
  parseBody,
  parseFilters,
  parseFlag,
  type Body,
  type BodyName,
  type Filters,
} from '#api';
import { incoming, readBody } from '#http';
import { parseInstant } from '#units';

const MAX_BODY = 16 * 1024 * 1024;
const VERSION_PREFIX = /^\/v(\d+\.\d+)(?=\/|$)/;

/** Version named in the path, without the `v`. */
export const versionInPath = (path: string): string | undefined => VERSION_PREFIX.exec(path)?.[1];

/** Path without the version: all routes are written without it. */
export const pathWithoutVersion = (path: string): string => path.replace(VERSION_PREFIX, '') || '/';

/** Whether the client speaks `version` or a newer one; a path without a version means the newest. */
export const speaks = (c: Context, version: string): boolean =>
  compareApiVersions(versionInPath(incoming(c).url ?? '') ?? API_VERSION, version) >= 0;

/** The JSON body of a request, checked. */
export const body = async <N extends BodyName>(c: Context, name: N): Promise<Body<N>> =>
  await parseBody(name, (await readBody(c, MAX_BODY)).toString('utf8'));

export const flag = (c: Context, name: string, absent = false): boolean =>
  parseFlag(c.req.query(name), absent);

/** A text parameter; empty means absent, as in Docker's own clients. */
export const textOf = (c: Context, name: string): string | undefined => {
  const value = c.req.query(name);
  return value === '' ? undefined : value;
};

export const filtersOf = (c: Context): Filters => parseFilters(c.req.query('filters'));

/** Milliseconds since 1970 that a filter names: a time, or a duration before now. */
export const instantOf = (name: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  const ms = parseInstant(text);
  if (ms !== undefined) return ms;
  throw apiErrors.parameterInvalid({ name, value: text, expected: 'a time, or a duration such as 24h' });
};

/** A part of the path, decoded; routes guarantee that it is there. */
export const param = (c: Context, name: string): string => c.req.param(name) ?? '';
