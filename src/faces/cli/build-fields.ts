import { cliErrors } from './errors.ts';
import { commaFields } from './comma-fields.ts';

/** Fields of one value of a flag, such as `type=local,dest=out`, with what the flag wants in return. */
export interface SpecFields {
  readonly flag: string;
  readonly word: string;
  readonly values: ReadonlyMap<string, string>;
}

/** A value of a flag that makes no sense. */
export const fieldsInvalid = (
  { flag, word }: Pick<SpecFields, 'flag' | 'word'>,
  problem: string,
  advice: string,
): Error => cliErrors.argumentInvalid({ problem: `invalid --${flag} "${word}": ${problem}`, advice });

/** Splits `key=value,…`; keys in lower case, but for those of annotations. @throws CLI_ARGUMENT_INVALID for a field without `=` */
export const readFields = (flag: string, word: string, advice: string): SpecFields => {
  const values = new Map<string, string>();
  for (const field of commaFields(word)) {
    const split = field.indexOf('=');
    if (split === -1)
      throw fieldsInvalid({ flag, word }, `invalid field "${field}", must be a key=value pair`, advice);
    const key = field.slice(0, split).trim();
    const isAnnotation = /^annotation[-[.]/i.test(key);
    values.set(isAnnotation ? key : key.toLowerCase(), field.slice(split + 1).trim());
  }
  return { flag, word, values };
};

/** Refuses fields that are not `known`: nothing that was asked for is left out in silence. */
export const refuseOthers = (fields: SpecFields, known: readonly string[]): void => {
  const stranger = [...fields.values.keys()].find((key) => !known.includes(key));
  if (stranger !== undefined)
    throw fieldsInvalid(
      fields,
      `unknown or unsupported field "${stranger}"`,
      `known are ${known.join(', ')}`,
    );
};

/** A truth value of a field. */
export const readTruth = (fields: SpecFields, key: string, absent: boolean): boolean => {
  const text = fields.values.get(key);
  if (text === undefined) return absent;
  if (['1', 't', 'true'].includes(text.toLowerCase())) return true;
  if (['0', 'f', 'false'].includes(text.toLowerCase())) return false;
  throw fieldsInvalid(fields, `"${text}" is no truth value`, `write ${key}=true or ${key}=false`);
};
