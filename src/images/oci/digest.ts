import { hash } from 'node:crypto';
import { ociErrors } from './errors.ts';

declare const digestBrand: unique symbol;
declare const diffIdBrand: unique symbol;
declare const chainIdBrand: unique symbol;
declare const imageIdBrand: unique symbol;

/** `algorithm:hex`, checked. Names content by the hash of its bytes. */
export type Digest = string & { readonly [digestBrand]: true };
/** Digest of a layer's uncompressed tar. */
export type DiffId = Digest & { readonly [diffIdBrand]: true };
/** Digest that names a layer together with everything below it (image-spec config.md, "Layer ChainID"). */
export type ChainId = Digest & { readonly [chainIdBrand]: true };
/** Digest of an image's configuration: the identity of an image. */
export type ImageId = Digest & { readonly [imageIdBrand]: true };

export type DigestAlgorithm = 'sha256' | 'sha512';

const hexLengths: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128 };

const isAlgorithm = (name: string): name is DigestAlgorithm => Object.hasOwn(hexLengths, name);

const faultOf = (value: string): string | undefined => {
  const [algorithm = '', hex, ...rest] = value.split(':');
  if (hex === undefined || rest.length > 0) return 'it is not of the form ALGORITHM:HEX';
  if (!isAlgorithm(algorithm)) return `unsupported algorithm ${JSON.stringify(algorithm)}`;
  if (hex.length !== hexLengths[algorithm])
    return `${algorithm} needs ${hexLengths[algorithm]} digits, not ${hex.length}`;
  return /^[0-9a-f]+$/.test(hex) ? undefined : 'its digits must be lower-case hexadecimal';
};

/** Whether `value` is a well-formed sha256 or sha512 digest. */
export const isDigest = (value: string): value is Digest => faultOf(value) === undefined;

/** Parses a digest; `invalid-argument` when it is malformed or of another algorithm. */
export const parseDigest = (value: string): Digest => {
  const reason = faultOf(value);
  if (reason !== undefined) throw ociErrors.invalidDigest({ value, reason });
  return value as Digest;
};

/** The digest of hex digits that some hash function produced. */
export const digestOf = (algorithm: DigestAlgorithm, hex: string): Digest =>
  parseDigest(`${algorithm}:${hex}`);

export const algorithmOf = (digest: Digest): DigestAlgorithm =>
  digest.slice(0, digest.indexOf(':')) as DigestAlgorithm;

export const hexOf = (digest: Digest): string => digest.slice(digest.indexOf(':') + 1);

/** First twelve hex digits, as Docker shows IDs. */
export const shortId = (digest: Digest): string => hexOf(digest).slice(0, 12);

/** The sha256 digest of a small buffer; files and streams are hashed by `#work`. */
export const sha256Of = (bytes: Uint8Array | string): Digest => `sha256:${hash('sha256', bytes)}` as Digest;

/** Whether `bytes` are what `digest` names. */
export const matchesDigest = (bytes: Uint8Array, digest: Digest): boolean =>
  hash(algorithmOf(digest), bytes) === hexOf(digest);

export const asDiffId = (digest: Digest): DiffId => digest as DiffId;
export const asImageId = (digest: Digest): ImageId => digest as ImageId;
export const parseDiffId = (value: string): DiffId => asDiffId(parseDigest(value));
export const parseImageId = (value: string): ImageId => asImageId(parseDigest(value));

/** The chain IDs of a stack of layers, lowest first; as long as `diffIds`. */
export const chainIds = (diffIds: readonly DiffId[]): readonly ChainId[] => {
  const chain: ChainId[] = [];
  for (const diffId of diffIds) {
    const below: string | undefined = chain.at(-1);
    chain.push((below === undefined ? diffId : sha256Of(`${below} ${diffId}`)) as ChainId);
  }
  return chain;
};
