import { chainIds, sha256Of, type ChainId, type DiffId } from '#oci';

/** JSON as Go writes it: three characters that HTML would mind are escaped. */
const goJson = (value: unknown): string => {
  const escapes: Readonly<Record<string, string>> = {
    '<': '\\u003c',
    '>': '\\u003e',
    '&': '\\u0026',
    '\u2028': '\\u2028',
    '\u2029': '\\u2029',
  };
  return JSON.stringify(value).replaceAll(/[<>&\u2028\u2029]/g, (char) => escapes[char] ?? char);
};

/** Fields of a layer's `json` that Docker adds after it made the ID. */
const ADDED: ReadonlySet<string> = new Set(['id', 'parent', 'os']);

const candidates = (file: object): readonly (readonly (readonly [string, unknown])[])[] => {
  const all = Object.entries(file).filter(([key]) => key !== 'id' && key !== 'parent');
  return [all, all.filter(([key]) => !ADDED.has(key))];
};

const idFor = (
  fields: readonly (readonly [string, unknown])[],
  chainId: ChainId,
  parent: string | undefined,
): string => {
  const whole: readonly (readonly [string, unknown])[] = [
    ...fields,
    ['layer_id', chainId],
    ...(parent === undefined ? [] : ([['parent', `sha256:${parent}`]] as const)),
  ];
  return sha256Of(goJson(Object.fromEntries(whole.toSorted(([a], [b]) => (a < b ? -1 : 1)))));
};

/**
 * Which layer a folder of an archive by Docker before 25 holds. The folder's name is a hash over the layer's chain ID
 * and what its `json` says, so that a guess proves itself; undefined when none of the image's layers fits.
 */
export const layerOfFolder = (id: string, json: Buffer, diffIds: readonly DiffId[]): DiffId | undefined => {
  const file = JSON.parse(json.toString()) as Record<string, unknown>;
  const parent = typeof file['parent'] === 'string' ? file['parent'] : undefined;
  const position = chainIds(diffIds).findIndex((chainId) =>
    candidates(file).some((fields) => idFor(fields, chainId, parent) === `sha256:${id}`),
  );
  return diffIds[position];
};
