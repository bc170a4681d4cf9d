import { randomUUID } from 'node:crypto';
import type { Digest } from '#oci';
import { demandStatus } from './expectations.ts';
import { digestBy } from './probe.ts';
import type { Probe } from './types.ts';

export const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
export const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
export const OCI_EMPTY = 'application/vnd.oci.empty.v1+json';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly [member: string]: unknown;
}

/** A manifest with the bytes it is pushed as. */
export interface Document {
  readonly body: string;
  readonly type: string;
  readonly digest: Digest;
}

export const descriptorOf = (mediaType: string, content: string | Uint8Array): Descriptor => ({
  mediaType,
  digest: digestBy('sha256', content),
  size: Buffer.byteLength(content),
});

/** Pushes a blob and describes it. */
export const pushedBlob = async (
  registry: Probe,
  repository: string,
  { type, content }: { readonly type: string; readonly content: string | Uint8Array },
): Promise<Descriptor> => {
  await registry.blob(repository, content);
  return descriptorOf(type, content);
};

export const documentOf = (value: {
  readonly mediaType: string;
  readonly [member: string]: unknown;
}): Document => {
  // Not how a machine would write it: only the exact bytes have this digest.
  const body = `${JSON.stringify(value, undefined, 1)}\n `;
  return { body, type: value.mediaType, digest: digestBy('sha256', body) };
};

/** An image of one layer whose blobs are in the repository; `more` overrides and adds members. */
export const imageIn = async (
  registry: Probe,
  repository: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<Document> => {
  const content = `layer ${randomUUID()}`;
  const config = await pushedBlob(registry, repository, {
    type: OCI_CONFIG,
    content: '{"architecture":"amd64","os":"linux"}',
  });
  const layer = await pushedBlob(registry, repository, { type: OCI_LAYER, content });
  return documentOf({ schemaVersion: 2, mediaType: OCI_IMAGE, config, layers: [layer], ...more });
};

export const indexOf = (
  manifests: readonly Document[],
  more: Readonly<Record<string, unknown>> = {},
): Document =>
  documentOf({
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: manifests.map(({ type, body }) => descriptorOf(type, body)),
    annotations: { unique: randomUUID() },
    ...more,
  });

/** What `subject` says of a manifest. */
export const subjectOf = ({ type, body }: Document): Descriptor => descriptorOf(type, body);

/** Pushes a manifest that must be accepted. */
export const pushed = async (
  registry: Probe,
  repository: string,
  { document, reference }: { readonly document: Document; readonly reference?: string | undefined },
): Promise<Document> => {
  const { body, type } = document;
  demandStatus(await registry.manifest({ repository, body, type, reference }), 201);
  return document;
};

/** A repository with one tagged image. */
export const taggedImage = async (registry: Probe, tag = 'v1') => {
  const repository = registry.repository();
  const document = await imageIn(registry, repository);
  await pushed(registry, repository, { document, reference: tag });
  return { repository, document, tag };
};
