import { parseDigest, type Digest, type ImageId, parseImageId, isDigest } from './digest.ts';
import { ociErrors } from './errors.ts';

/** A fully normalised image name: `docker.io/library/alpine:3.20`. */
export interface Reference {
  /** Host of the registry, with a port where one was given. */
  readonly domain: string;
  readonly path: string;
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
}

export interface ReferenceOptions {
  /** Adds `latest` to a name without tag and digest; true unless given. */
  readonly defaultTag?: boolean | undefined;
}

/** What a user may mean by an image's name on the command line. */
export type ImageName =
  | { readonly kind: 'id'; readonly id: ImageId }
  | {
      readonly kind: 'reference';
      readonly reference: Reference;
      /** Hex digits, when the same text may also be the beginning of an ID; a reference wins over an ID. */
      readonly idPrefix?: string | undefined;
    };

const defaultDomain = 'docker.io';
const legacyDomain = 'index.docker.io';
const officialPrefix = 'library/';
const maxPathLength = 255;

const domainLabel = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const ipv6 = String.raw`\[(?:[a-fA-F0-9:]+)\]`;
const domain = String.raw`(?:${domainLabel}(?:\.${domainLabel})*|${ipv6})(?::[0-9]+)?`;
const pathPart = '[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*';
const path = `${pathPart}(?:/${pathPart})*`;
const tag = String.raw`[\w][\w.-]{0,127}`;
const digest = String.raw`[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}`;
const referencePattern = new RegExp(`^(${domain})/(${path})(?::(${tag}))?(?:@(${digest}))?$`);
const tagPattern = new RegExp(`^${tag}$`);

const isDomain = (first: string): boolean =>
  first === 'localhost' || /[.:]/.test(first) || first.toLowerCase() !== first;

/** Splits as Docker does: the first part is a host only when it looks like one. */
const splitDomain = (name: string): readonly [domain: string, remainder: string] => {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  if (slash < 0 || (first !== legacyDomain && !isDomain(first))) {
    return [defaultDomain, slash < 0 ? officialPrefix + name : name];
  }
  const remainder = name.slice(slash + 1);
  if (first !== legacyDomain && first !== defaultDomain) return [first, remainder];
  return [defaultDomain, remainder.includes('/') ? remainder : officialPrefix + remainder];
};

const invalid = (value: string, detail = ''): Error =>
  ociErrors.invalidReference({ value, reason: `invalid reference format${detail}` });

const assertPlausible = (value: string, remainder: string): void => {
  if (/^[0-9a-f]{64}$/.test(value)) {
    const reason = `invalid repository name (${value}), cannot specify 64-byte hexadecimal strings`;
    throw ociErrors.invalidReference({ value, reason });
  }
  const name = remainder.split(/[:@]/, 1)[0] ?? '';
  if (name.toLowerCase() !== name) throw invalid(value, `: repository name (${name}) must be lowercase`);
};

/**
 * Parses and normalises a name by Docker's grammar (distribution/reference): `alpine` is
 * `docker.io/library/alpine:latest`. `invalid-argument` with Docker's wording otherwise.
 */
export const parseReference = (value: string, options: ReferenceOptions = {}): Reference => {
  const [domainPart, remainder] = splitDomain(value);
  assertPlausible(value, remainder);
  const match = referencePattern.exec(`${domainPart}/${remainder}`);
  const [, matchedDomain, matchedPath, matchedTag, matchedDigest] = match ?? [];
  if (matchedDomain === undefined || matchedPath === undefined) throw invalid(value);
  if (matchedPath.length > maxPathLength) {
    const reason = `repository name must not be more than ${maxPathLength} characters`;
    throw ociErrors.invalidReference({ value, reason });
  }
  const digest = matchedDigest === undefined ? undefined : parseDigest(matchedDigest);
  const bare = { domain: matchedDomain, path: matchedPath };
  const defaultTag = (options.defaultTag ?? true) && digest === undefined ? 'latest' : undefined;
  const tag = matchedTag ?? defaultTag;
  return { ...bare, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
};

/** Whether `value` may stand after the colon of a reference. */
export const isTag = (value: string): boolean => tagPattern.test(value);

/** Repository name in full: `docker.io/library/alpine`. */
export const repositoryName = (reference: Reference): string => `${reference.domain}/${reference.path}`;

/** Repository name as Docker shows it: `alpine`, `grafana/grafana`, `localhost:5000/shop/web`. */
export const familiarName = (reference: Reference): string => {
  if (reference.domain !== defaultDomain) return repositoryName(reference);
  const short = reference.path.slice(officialPrefix.length);
  return reference.path.startsWith(officialPrefix) && !short.includes('/') ? short : reference.path;
};

const suffix = (reference: Reference): string =>
  (reference.tag === undefined ? '' : `:${reference.tag}`) +
  (reference.digest === undefined ? '' : `@${reference.digest}`);

/** The reference as Docker shows it: `alpine:3.20`. */
export const familiarString = (reference: Reference): string => familiarName(reference) + suffix(reference);

/** The reference in full, the form that is stored and compared: `docker.io/library/alpine:3.20`. */
export const canonicalString = (reference: Reference): string =>
  repositoryName(reference) + suffix(reference);

/** The same repository with this tag and no digest. */
export const withTag = (reference: Reference, tag: string): Reference => {
  if (!isTag(tag)) throw ociErrors.invalidReference({ value: tag, reason: 'invalid tag format' });
  return { domain: reference.domain, path: reference.path, tag };
};

/** The same repository with this digest and no tag. */
export const withDigest = (reference: Reference, digest: Digest): Reference => ({
  domain: reference.domain,
  path: reference.path,
  digest,
});

const idPrefixOf = (value: string): string | undefined =>
  /^(?:sha256:|sha512:)?([0-9a-f]{1,128})$/.exec(value)?.[1];

const maybeReference = (value: string): Reference | undefined => {
  try {
    return parseReference(value);
  } catch {
    return undefined;
  }
};

/**
 * Parses what stands for an image on the command line: a full ID (with or without its algorithm), a reference, or text
 * that may be a reference or the beginning of an ID.
 */
export const parseImageIdOrReference = (value: string): ImageName => {
  if (/^[0-9a-f]{64}$/.test(value)) return { kind: 'id', id: parseImageId(`sha256:${value}`) };
  if (isDigest(value)) return { kind: 'id', id: parseImageId(value) };
  const idPrefix = idPrefixOf(value);
  const reference = idPrefix === undefined ? parseReference(value) : maybeReference(value);
  if (reference === undefined) throw invalid(value);
  return { kind: 'reference', reference, ...(idPrefix === undefined ? {} : { idPrefix }) };
};
