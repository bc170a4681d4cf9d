import { randomUUID } from 'node:crypto';
import {
  descriptorOf,
  documentOf,
  imageIn,
  indexOf,
  OCI_EMPTY,
  OCI_IMAGE,
  OCI_INDEX,
  OCI_LAYER,
  pushedBlob,
  subjectOf,
  type Document,
} from '../content.ts';
import { digestBy } from '../probe.ts';
import type { Probe } from '../types.ts';

/** A manifest of a data set. */
export interface Member {
  readonly document: Document;
  readonly tag?: string | undefined;
}

/** What one kind of content consists of, in the order of pushing; its blobs are in the repository already. */
export interface DataSet {
  readonly name: string;
  /** False for what a registry may refuse. */
  readonly required: boolean;
  readonly make: (registry: Probe, repository: string) => Promise<readonly Member[]>;
}

const ARTIFACT = 'application/vnd.example.artifact';

const artifactIn = async (
  registry: Probe,
  repository: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<Document> => {
  const config = await pushedBlob(registry, repository, { type: OCI_EMPTY, content: '{}' });
  const layer = await pushedBlob(registry, repository, { type: 'text/plain', content: randomUUID() });
  return documentOf({
    schemaVersion: 2,
    mediaType: OCI_IMAGE,
    artifactType: ARTIFACT,
    config,
    layers: [layer],
    ...more,
  });
};

type Maker = (registry: Probe, repository: string) => Promise<readonly Member[]>;

const single =
  (more: (registry: Probe, repository: string) => Promise<Readonly<Record<string, unknown>>>): Maker =>
  async (registry, repository) => [
    { document: await imageIn(registry, repository, await more(registry, repository)), tag: 'v1' },
  ];

const plain = single(async () => ({}));

const uncompressed = single(async (registry, repository) => ({
  layers: [
    await pushedBlob(registry, repository, {
      type: 'application/vnd.oci.image.layer.v1.tar',
      content: randomUUID(),
    }),
  ],
}));

const large = single(async () => ({
  annotations: Object.fromEntries(
    Array.from({ length: 390 }, (_, index) => [`k${index}`, 'x'.repeat(10_000)]),
  ),
}));

const dataField = single(async (registry, repository) => {
  const content = '{"embedded":true}';
  const config = await pushedBlob(registry, repository, {
    type: 'application/vnd.oci.image.config.v1+json',
    content,
  });
  return { config: { ...config, data: Buffer.from(content).toString('base64') } };
});

const nondistributable = single(async () => ({
  layers: [
    {
      ...descriptorOf('application/vnd.oci.image.layer.nondistributable.v1.tar+gzip', randomUUID()),
      urls: ['https://layers.example.org/1'],
    },
  ],
}));

const customFields = single(async (registry, repository) => ({
  'org.example.custom': { deep: [1, { two: null }] },
  layers: [
    {
      ...(await pushedBlob(registry, repository, { type: OCI_LAYER, content: randomUUID() })),
      custom: 'field',
    },
  ],
}));

const noLayers = single(async () => ({ layers: [] }));

const twoImages = async (registry: Probe, repository: string): Promise<readonly Document[]> => [
  await imageIn(registry, repository),
  await imageIn(registry, repository),
];

const index: Maker = async (registry, repository) => {
  const images = await twoImages(registry, repository);
  return [...images.map((document) => ({ document })), { document: indexOf(images), tag: 'multi' }];
};

const nestedIndex: Maker = async (registry, repository) => {
  const images = await twoImages(registry, repository);
  const inner = indexOf(images);
  return [
    ...images.map((document) => ({ document })),
    { document: inner },
    { document: indexOf([inner]), tag: 'nested' },
  ];
};

const emptyIndex: Maker = async () => [{ document: indexOf([]), tag: 'empty' }];

const sparseIndex: Maker = async (registry, repository) => {
  const document = await imageIn(registry, repository);
  const absent = { mediaType: OCI_IMAGE, digest: digestBy('sha256', randomUUID()), size: 7 };
  const manifests = [descriptorOf(document.type, document.body), absent];
  return [
    { document },
    { document: documentOf({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }), tag: 'sparse' },
  ];
};

const artifact: Maker = async (registry, repository) => [
  { document: await artifactIn(registry, repository), tag: 'artifact' },
];

const artifactIndex: Maker = async (registry, repository) => {
  const members = [await artifactIn(registry, repository), await artifactIn(registry, repository)];
  return [
    ...members.map((document) => ({ document })),
    { document: indexOf(members, { artifactType: ARTIFACT }), tag: 'artifacts' },
  ];
};

const artifactWithoutLayers: Maker = async (registry, repository) => [
  {
    document: await artifactIn(registry, repository, { layers: [], annotations: { unique: randomUUID() } }),
    tag: 'bare',
  },
];

const artifactsOfImage: Maker = async (registry, repository) => {
  const image = await imageIn(registry, repository);
  const subject = subjectOf(image);
  return [
    { document: image, tag: 'image' },
    { document: await artifactIn(registry, repository, { subject, annotations: { a: '1' } }) },
    {
      document: await artifactIn(registry, repository, { subject, annotations: { a: '2' } }),
      tag: 'signature',
    },
  ];
};

const indexWithSubject: Maker = async (registry, repository) => {
  const image = await imageIn(registry, repository);
  const member = await artifactIn(registry, repository);
  return [
    { document: image, tag: 'image' },
    { document: member },
    { document: indexOf([member], { subject: subjectOf(image), artifactType: ARTIFACT }) },
  ];
};

const missingSubject: Maker = async (registry, repository) => {
  const subject = { mediaType: OCI_IMAGE, digest: digestBy('sha256', randomUUID()), size: 7 };
  return [{ document: await artifactIn(registry, repository, { subject }), tag: 'orphan' }];
};

const byOtherAlgorithm: Maker = async (registry, repository) => {
  const content = randomUUID();
  const digest = await registry.blob(repository, content, 'sha512');
  const layer = { mediaType: OCI_LAYER, digest, size: content.length };
  const image = await imageIn(registry, repository, { layers: [layer] });
  return [{ document: { ...image, digest: digestBy('sha512', image.body) } }];
};

/** Kinds of content that clients push. */
export const dataSets: readonly DataSet[] = [
  { name: 'image', required: true, make: plain },
  { name: 'image-uncompressed', required: true, make: uncompressed },
  { name: 'large-manifest', required: true, make: large },
  { name: 'index', required: true, make: index },
  { name: 'nested-index', required: true, make: nestedIndex },
  { name: 'empty-index', required: true, make: emptyIndex },
  { name: 'sparse-index', required: false, make: sparseIndex },
  { name: 'artifact', required: true, make: artifact },
  { name: 'artifact-index', required: true, make: artifactIndex },
  { name: 'artifact-without-layers', required: true, make: artifactWithoutLayers },
  { name: 'artifacts-with-subject', required: true, make: artifactsOfImage },
  { name: 'index-with-subject', required: true, make: indexWithSubject },
  { name: 'missing-subject', required: true, make: missingSubject },
  { name: 'data-field', required: true, make: dataField },
  { name: 'nondistributable-layer', required: true, make: nondistributable },
  { name: 'custom-fields', required: true, make: customFields },
  { name: 'no-layers', required: true, make: noLayers },
  { name: 'sha512', required: false, make: byOtherAlgorithm },
];
