import { resolve } from 'node:path';
import type { Body } from '#api';
import { fieldsInvalid, readFields, readTruth, refuseOthers, type SpecFields } from './build-fields.ts';
import type { BuildFlags } from './build-flags.ts';
import { cliErrors } from './errors.ts';

export type OutputBody = NonNullable<Body<'ladeBuild'>['outputs']>[number];

/** The outputs of a build, and annotations that stood among their fields. */
export interface Outputs {
  /** Undefined: the image store. A destination of `-` is stdout. */
  readonly outputs: OutputBody[] | undefined;
  readonly annotations: Readonly<Record<string, string>>;
}

const ADVICE =
  'write --output DIR, or --output type=local|tar|oci|docker|image|registry|cacheonly[,dest=PATH]';

/** Fields that say how manifests and layers are written. */
const FORM = ['oci-mediatypes', 'compression', 'force-compression'];

/** Fields of image outputs whose only accepted values are what Lade does anyway. */
const SETTLED: Readonly<Record<string, readonly string[]>> = {
  'rewrite-timestamp': ['true', '1'],
  unpack: ['true', '1', 'false', '0'],
  store: ['true', '1'],
};

const ANNOTATION =
  /^annotation(?:-(manifest|index|manifest-descriptor|index-descriptor))?(\[[^\]]*\])?\.(.+)$/;

/** Takes the annotations out of an output's fields. */
const splitAnnotations = (fields: SpecFields): readonly [SpecFields, Record<string, string>] => {
  const annotations: Record<string, string> = {};
  const values = new Map(fields.values);
  for (const [key, value] of fields.values) {
    const match = ANNOTATION.exec(key);
    if (match === null) continue;
    const [, level, platform, name = ''] = match;
    const plain = level === undefined && platform === undefined;
    annotations[plain ? name : `${level ?? 'manifest'}${platform ?? ''}:${name}`] = value;
    values.delete(key);
  }
  return [{ ...fields, values }, annotations];
};

const checkSettled = (fields: SpecFields): void => {
  for (const [key, accepted] of Object.entries(SETTLED)) {
    const value = fields.values.get(key);
    if (value !== undefined && !accepted.includes(value.toLowerCase()))
      throw fieldsInvalid(fields, `${key}=${value} is not supported yet`, `leave ${key} out`);
  }
};

type Form = Pick<
  Extract<OutputBody, { kind: 'image' }>,
  'compression' | 'forceCompression' | 'ociMediaTypes'
>;

/** How manifests and layers are to be written; nothing where that is as always. */
const formOf = (fields: SpecFields): Form => {
  const compression = fields.values.get('compression') ?? 'gzip';
  if (compression !== 'gzip' && compression !== 'zstd' && compression !== 'uncompressed')
    throw fieldsInvalid(
      fields,
      `compression=${compression} is not supported`,
      'compression is gzip, zstd or uncompressed',
    );
  return {
    ...(compression === 'gzip' ? {} : { compression }),
    ...(readTruth(fields, 'force-compression', false) ? { forceCompression: true } : {}),
    ...(readTruth(fields, 'oci-mediatypes', true) ? {} : { ociMediaTypes: false }),
  };
};

const namesOf = (fields: SpecFields, tags: readonly string[]): string[] => {
  const names = (fields.values.get('name') ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
  return names.length > 0 ? names : [...tags];
};

const destinationOf = (fields: SpecFields): string => {
  const written = fields.values.get('dest') ?? '-';
  return written === '-' || written === '' ? '-' : resolve(written);
};

const imageOutput = (fields: SpecFields, tags: readonly string[], push: boolean): OutputBody => {
  refuseOthers(fields, ['type', 'name', 'push', ...FORM, ...Object.keys(SETTLED)]);
  checkSettled(fields);
  const names = namesOf(fields, tags);
  if (push && names.length === 0)
    throw fieldsInvalid(fields, 'tag is needed when pushing to registry', 'name the image with -t');
  return { kind: 'image', names, push, ...formOf(fields) };
};

const archiveOutput = (fields: SpecFields, tags: readonly string[], kind: 'oci' | 'docker'): OutputBody => {
  refuseOthers(fields, ['type', 'dest', 'tar', 'name', ...FORM, ...Object.keys(SETTLED)]);
  checkSettled(fields);
  const about = { names: namesOf(fields, tags), ...formOf(fields) };
  const tar = readTruth(fields, 'tar', true);
  const destination = destinationOf(fields);
  if (!tar && destination === '-')
    throw fieldsInvalid(fields, 'dest is required for tar=false', 'add dest=DIR');
  if (kind === 'oci') return { kind, destination, tar, ...about };
  if (!tar) throw fieldsInvalid(fields, 'docker archives are tars', 'use type=oci,tar=false');
  return { kind, destination, ...about };
};

const splitOf = (fields: SpecFields) =>
  fields.values.has('platform-split') ? { platformSplit: readTruth(fields, 'platform-split', true) } : {};

const localOutput = (fields: SpecFields): OutputBody => {
  refuseOthers(fields, ['type', 'dest', 'mode', 'platform-split']);
  const destination = destinationOf(fields);
  if (destination === '-')
    throw fieldsInvalid(fields, 'dest is required for local exporter', 'add dest=DIR, or use type=tar');
  const mode = fields.values.get('mode') ?? 'copy';
  if (mode !== 'copy' && mode !== 'delete')
    throw fieldsInvalid(fields, `unknown mode "${mode}"`, 'mode is copy or delete');
  return { kind: 'local', destination, mode, ...splitOf(fields) };
};

const toOutput = (fields: SpecFields, tags: readonly string[]): OutputBody => {
  const type = fields.values.get('type') ?? '';
  switch (type) {
    case 'image':
      return imageOutput(fields, tags, readTruth(fields, 'push', false));
    case 'registry':
      return imageOutput(fields, tags, readTruth(fields, 'push', true));
    case 'docker':
      return fields.values.has('dest') ? archiveOutput(fields, tags, type) : imageOutput(fields, tags, false);
    case 'oci':
      return archiveOutput(fields, tags, type);
    case 'local':
      return localOutput(fields);
    case 'tar':
      refuseOthers(fields, ['type', 'dest', 'platform-split']);
      return { kind: 'tar', destination: destinationOf(fields), ...splitOf(fields) };
    case 'cacheonly':
      refuseOthers(fields, ['type']);
      return { kind: 'cacheonly' };
    case '':
      throw fieldsInvalid(fields, 'type is required for output', ADVICE);
    default:
      throw fieldsInvalid(fields, `unknown type "${type}"`, ADVICE);
  }
};

/** `-o DIR` and `-o -` are short for files and for a tar. */
const fieldsOf = (word: string): SpecFields => {
  const short = !word.includes('=') && !word.includes(',');
  if (!short) return readFields('output', word, ADVICE);
  const type = word === '-' ? 'tar' : 'local';
  return {
    flag: 'output',
    word,
    values: new Map([
      ['type', type],
      ['dest', word],
    ]),
  };
};

/**
 * `--output`, `--push` and `--load` as docker buildx reads them.
 *
 * @throws CLI_ARGUMENT_INVALID
 */
export const readOutputs = (flags: Pick<BuildFlags, 'output' | 'push' | 'load' | 'tag'>): Outputs => {
  const annotations: Record<string, string> = {};
  const outputs = flags.output.map((word) => {
    const [fields, notes] = splitAnnotations(fieldsOf(word));
    Object.assign(annotations, notes);
    return toOutput(fields, flags.tag);
  });
  const short = (push: boolean): OutputBody =>
    imageOutput({ flag: push ? 'push' : 'load', word: 'true', values: new Map() }, flags.tag, push);
  if (flags.push) outputs.push(short(true));
  else if (flags.load) outputs.push(short(false));
  if (outputs.filter((each) => 'destination' in each && each.destination === '-').length > 1)
    throw cliErrors.optionsConflict({ problem: 'only one output can go to stdout', command: 'lade build' });
  return { outputs: outputs.length === 0 ? undefined : outputs, annotations };
};
