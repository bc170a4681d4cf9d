import { resolve } from 'node:path';
import type { Body } from '#api';
import { fieldsInvalid, readFields, readTruth, refuseOthers, type SpecFields } from './build-fields.ts';

type CacheBody = NonNullable<Body<'ladeBuild'>['cacheFrom']>[number];
type CacheFlag = 'cache-from' | 'cache-to';

const adviceOf = (flag: CacheFlag): string =>
  `write --${flag} type=registry,ref=NAME, type=local,${flag === 'cache-from' ? 'src' : 'dest'}=DIR or type=inline`;

/** Fields that name what Lade's caches are anyway. */
const SETTLED = ['image-manifest', 'oci-mediatypes'];

const modeOf = (fields: SpecFields): 'min' | 'max' => {
  const mode = fields.values.get('mode') ?? 'min';
  if (mode === 'min' || mode === 'max') return mode;
  throw fieldsInvalid(fields, `unknown mode "${mode}"`, 'write mode=min or mode=max');
};

const need = (fields: SpecFields, key: string, advice: string): string => {
  const value = fields.values.get(key);
  if (value === undefined || value === '') throw fieldsInvalid(fields, `${key} is required`, advice);
  return value;
};

/**
 * One value of `--cache-from` or `--cache-to`, as docker buildx writes them: fields, or the name of an image.
 *
 * @throws CLI_ARGUMENT_INVALID
 */
export const readCache = (flag: CacheFlag, word: string): CacheBody => {
  if (!word.includes('=')) return { kind: 'registry', reference: word, mode: 'min' };
  const advice = adviceOf(flag);
  const fields = readFields(flag, word, advice);
  for (const key of SETTLED)
    if (!readTruth(fields, key, true))
      throw fieldsInvalid(fields, `${key}=false is not supported yet`, `leave ${key} out`);
  const type = need(fields, 'type', advice);
  switch (type) {
    case 'registry':
      refuseOthers(fields, ['type', 'ref', 'mode', ...SETTLED]);
      return { kind: 'registry', reference: need(fields, 'ref', advice), mode: modeOf(fields) };
    case 'local': {
      const place = flag === 'cache-from' ? 'src' : 'dest';
      refuseOthers(fields, ['type', place, 'mode', ...SETTLED]);
      return { kind: 'local', path: resolve(need(fields, place, advice)), mode: modeOf(fields) };
    }
    case 'inline':
      refuseOthers(fields, ['type']);
      return { kind: 'inline' };
    default:
      throw fieldsInvalid(fields, `cache type "${type}" is not supported yet`, advice);
  }
};
