import { EXPERIMENTAL_CHECKS } from './check-rules.ts';
import { dockerfileErrors } from './errors.ts';
import { trimSpace } from './source-text.ts';
import type { CheckFinding, CheckOptions } from './types.ts';

/** Names in a list, or all of them. */
const namesOf = (value: string): ReadonlySet<string> | 'all' => {
  const text = trimSpace(value);
  return text === 'all' ? 'all' : new Set(text.split(',').map(trimSpace));
};

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

const booleanOf = (value: string, field: string): boolean => {
  const text = trimSpace(value);
  if (TRUE.has(text)) return true;
  if (FALSE.has(text)) return false;
  throw dockerfileErrors.checkOption({ option: field });
};

export const NO_CHECK_OPTIONS: CheckOptions = { skip: new Set(), experimental: new Set(), error: false };

/**
 * Reads `skip=A,B;error=true;experimental=all`, the value of the directive `check`.
 *
 * @throws `DOCKERFILE_CHECK_OPTION`
 */
export const parseCheckOptions = (text: string): CheckOptions => {
  const written = trimSpace(text);
  if (written === '') return NO_CHECK_OPTIONS;
  let options = NO_CHECK_OPTIONS;
  const fields = written.split(';');
  // As the reference has it, what follows the third field belongs to it.
  for (const field of [...fields.slice(0, 2), ...(fields.length > 2 ? [fields.slice(2).join(';')] : [])]) {
    const equals = field.indexOf('=');
    const value = field.slice(equals + 1);
    const key = equals < 0 ? '' : trimSpace(field.slice(0, equals));
    if (key === 'skip') options = { ...options, skip: namesOf(value) };
    else if (key === 'experimental') options = { ...options, experimental: namesOf(value) };
    else if (key === 'error') options = { ...options, error: booleanOf(value, field) };
    else throw dockerfileErrors.checkOption({ option: equals < 0 ? field : key });
  }
  return options;
};

const union = (a: ReadonlySet<string> | 'all', b: ReadonlySet<string> | 'all'): ReadonlySet<string> | 'all' =>
  a === 'all' || b === 'all' ? 'all' : new Set([...a, ...b]);

/** The first word of a directive's value: what follows a blank is remark. */
export const firstWord = (value: string): string => value.split(' ', 1)[0] ?? '';

const COMMENT_FORM = /^check\s*=\s*(\S+)/iu;

/** `options` with those that a comment `# check=skip=…` directly before an instruction adds for it. */
export const withComments = (options: CheckOptions, comments: readonly string[]): CheckOptions => {
  const value = comments
    .map((comment) => COMMENT_FORM.exec(comment)?.[1])
    .find((found) => found !== undefined);
  if (value === undefined) return options;
  try {
    const own = parseCheckOptions(value);
    return {
      skip: union(options.skip, own.skip),
      experimental: union(options.experimental, own.experimental),
      error: options.error,
    };
  } catch {
    return options;
  }
};

const includes = (names: ReadonlySet<string> | 'all', rule: string): boolean =>
  names === 'all' || names.has(rule);

/** Whether a finding is to be told of. Skipping does not concern experimental checks, which have to be asked for. */
export const isWanted = (finding: CheckFinding, options: CheckOptions): boolean =>
  EXPERIMENTAL_CHECKS.has(finding.rule)
    ? includes(options.experimental, finding.rule)
    : !includes(options.skip, finding.rule);
