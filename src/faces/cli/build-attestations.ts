import type { Body } from '#api';
import { fieldsInvalid, readFields, readTruth, refuseOthers } from './build-fields.ts';
import type { BuildFlags } from './build-flags.ts';

type Attestations = NonNullable<Body<'ladeBuild'>['attestations']>;
type Provenance = NonNullable<Attestations['provenance']>;

const ADVICE = 'write --attest type=provenance[,mode=min|max] or --attest type=sbom';
const TRUE = new Set(['1', 't', 'true']);
const FALSE = new Set(['0', 'f', 'false']);

interface Wanted {
  provenance: Provenance | undefined;
  reproducible: boolean;
  sbom: boolean;
}

const isOff = (disabled: string | undefined): boolean =>
  disabled !== undefined && TRUE.has(disabled.toLowerCase());

const readAttestation = (wanted: Wanted, flag: string, word: string): void => {
  const fields = readFields(flag, word, ADVICE);
  const type = fields.values.get('type');
  const off = isOff(fields.values.get('disabled'));
  if (type === 'sbom') {
    refuseOthers(fields, ['type', 'disabled']);
    wanted.sbom = !off;
    return;
  }
  if (type !== 'provenance') throw fieldsInvalid(fields, `unknown type "${type ?? ''}"`, ADVICE);
  refuseOthers(fields, ['type', 'disabled', 'mode', 'version', 'reproducible']);
  const version = fields.values.get('version') ?? 'v1';
  if (version !== 'v1')
    throw fieldsInvalid(fields, `version ${version} is not supported yet`, 'write version=v1');
  const mode = fields.values.get('mode') ?? 'min';
  if (mode !== 'min' && mode !== 'max') throw fieldsInvalid(fields, `unknown mode "${mode}"`, ADVICE);
  wanted.provenance = off ? undefined : mode;
  wanted.reproducible = readTruth(fields, 'reproducible', false);
};

/** A shorthand such as `--provenance=true` or `--provenance=mode=max` as the value of `--attest`. */
const longForm = (type: string, text: string): string => {
  const lower = text.toLowerCase();
  if (TRUE.has(lower)) return `type=${type}`;
  if (FALSE.has(lower)) return `type=${type},disabled=true`;
  return `type=${type},${text}`;
};

/** `--attest`, `--provenance` and `--sbom`; undefined when nothing is wanted. @throws CLI_ARGUMENT_INVALID */
export const readAttestations = (
  flags: Pick<BuildFlags, 'attest' | 'provenance' | 'sbom'>,
): Attestations | undefined => {
  const wanted: Wanted = { provenance: undefined, reproducible: false, sbom: false };
  for (const word of flags.attest) readAttestation(wanted, 'attest', word);
  if (flags.provenance !== undefined)
    readAttestation(wanted, 'provenance', longForm('provenance', flags.provenance));
  if (flags.sbom !== undefined) readAttestation(wanted, 'sbom', longForm('sbom', flags.sbom));
  const { reproducible, ...made } = wanted;
  if (made.provenance === undefined && !made.sbom) return undefined;
  return reproducible ? { ...made, reproducible } : made;
};
