import type { LayerStore } from '#layers';
import type { ImageStatement } from '#library';
import { familiarName, parseReference, repositoryName, type Reference } from '#oci';
import { createWorkerPool, workerUrl, type WorkerPool } from '#work';
import type { Subject } from './delivery-types.ts';
import { SPDX, type SbomJob, type SbomMade } from './sbom-job.ts';
import { statementBytes, type StatementSubject } from './statement-bytes.ts';

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

/** An image under each of its names. */
const subjectsOf = ({ image, manifest, names }: Subject): readonly StatementSubject[] => {
  const urls = names.map((name) => imageUrl(parseReference(name), image.platform));
  return (urls.length === 0 ? ['_'] : urls).map((name) => ({
    name,
    digest: { sha256: hexOf(manifest.digest) },
  }));
};

/** A statement (in-toto v1) about an image, under each of its names. */
export const statementAbout = (
  subject: Subject,
  content: { readonly predicateType: string; readonly predicate: object },
): ImageStatement => ({
  predicateType: content.predicateType,
  bytes: statementBytes(subjectsOf(subject), content),
});

let pool: WorkerPool<SbomJob, SbomMade> | undefined;

const sbomPool = (): WorkerPool<SbomJob, SbomMade> => {
  pool ??= createWorkerPool<SbomJob, SbomMade>({
    url: workerUrl(import.meta.url, 'sbom.worker'),
    size: 1,
    name: 'sbom',
  });
  return pool;
};

/** The packages of an image as a statement; a thread looks for them. `onLeftOut` is told of what is not in the list. */
export const sbomStatement = async (
  layers: Pick<LayerStore, 'mountReadOnly'>,
  subject: Subject,
  signal: AbortSignal | undefined,
  onLeftOut: (what: string) => void = () => undefined,
): Promise<ImageStatement> => {
  const { config } = subject.image;
  await using view = await layers.mountReadOnly(config.rootfs.diffIds);
  const [name = subject.manifest.digest] = subject.names;
  const { digest } = subject.manifest;
  const about = { name, digest, created: config.created ?? '1970-01-01T00:00:00Z' };
  const job = { root: view.path, about, subjects: subjectsOf(subject) };
  const { bytes, leftOut } = await sbomPool().run(job, { signal });
  for (const what of leftOut) onLeftOut(what);
  return { predicateType: SPDX, bytes: Buffer.from(bytes) };
};
