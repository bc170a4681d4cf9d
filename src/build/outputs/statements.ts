import type { LayerStore } from '#layers';
import type { ImageStatement } from '#library';
import { familiarName, parseReference, repositoryName, type Reference } from '#oci';
import type { Subject } from './delivery-types.ts';
import { scanPackages } from './scan-packages.ts';
import { spdxDocument } from './spdx.ts';

const STATEMENT = 'https://in-toto.io/Statement/v1';
const SPDX = 'https://spdx.dev/Document';
export const SLSA_PROVENANCE = 'https://slsa.dev/provenance/v1';

/** `pkg:docker/REPOSITORY@TAG?platform=…`, as BuildKit names images in statements. */
export const imageUrl = (reference: Reference, platform: string, digest?: string): string => {
  const name = reference.domain === 'docker.io' ? familiarName(reference) : repositoryName(reference);
  const path = name.split('/').map(encodeURIComponent).join('/');
  const qualifiers = [
    ...(digest === undefined ? [] : [`digest=${digest}`]),
    `platform=${encodeURIComponent(platform)}`,
  ];
  const tag = reference.tag ?? (reference.digest === undefined ? 'latest' : undefined);
  return `pkg:docker/${path}${tag === undefined ? '' : `@${tag}`}?${qualifiers.join('&')}`;
};

const hexOf = (digest: string): string => digest.slice(digest.indexOf(':') + 1);

/** A statement (in-toto v1) about an image, under each of its names. */
export const statementAbout = (
  { image, manifest, names }: Subject,
  { predicateType, predicate }: { readonly predicateType: string; readonly predicate: object },
): ImageStatement => {
  const urls = names.map((name) => imageUrl(parseReference(name), image.platform));
  const subject = (urls.length === 0 ? ['_'] : urls).map((name) => ({
    name,
    digest: { sha256: hexOf(manifest.digest) },
  }));
  const statement = { _type: STATEMENT, subject, predicateType, predicate };
  return { predicateType, bytes: Buffer.from(JSON.stringify(statement)) };
};

/** The packages of an image as a statement. */
export const sbomStatement = async (
  layers: Pick<LayerStore, 'mountReadOnly'>,
  subject: Subject,
  signal: AbortSignal | undefined,
): Promise<ImageStatement> => {
  const { config } = subject.image;
  await using view = await layers.mountReadOnly(config.rootfs.diffIds);
  const scan = await scanPackages(view.path, signal);
  const [name = subject.manifest.digest] = subject.names;
  const document = spdxDocument(scan, {
    name,
    digest: subject.manifest.digest,
    created: config.created ?? '1970-01-01T00:00:00Z',
  });
  return statementAbout(subject, { predicateType: SPDX, predicate: document });
};
