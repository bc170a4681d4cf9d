import { randomUUID } from 'node:crypto';
import {
  documentOf,
  imageIn,
  indexOf,
  OCI_EMPTY,
  OCI_IMAGE,
  OCI_INDEX,
  pushed,
  pushedBlob,
  subjectOf,
  taggedImage,
  type Document,
} from '../content.ts';
import { defineChecks } from '../define.ts';
import { demand, demandHeader, demandStatus, headerOf } from '../expectations.ts';
import { digestBy } from '../probe.ts';
import type { Check, Probe, ProbeAnswer } from '../types.ts';
import { demandNext, sameSet } from './listings.ts';

const SBOM = 'application/vnd.example.sbom.v1';
const SIGNATURE = 'application/vnd.example.signature.v1';

interface Family {
  readonly repository: string;
  readonly path: string;
  readonly subject: Document;
  readonly members: readonly Document[];
}

const family = (registry: Probe): Promise<Family> =>
  registry.once('referrers', async () => {
    const { repository, document: subject } = await taggedImage(registry);
    const config = await pushedBlob(registry, repository, { type: OCI_EMPTY, content: '{}' });
    const artifact = (more: Readonly<Record<string, unknown>>): Document =>
      documentOf({
        schemaVersion: 2,
        mediaType: OCI_IMAGE,
        config,
        layers: [config],
        subject: subjectOf(subject),
        ...more,
      });
    const members = [
      artifact({ artifactType: SBOM, annotations: { 'org.example.format': 'json', unique: randomUUID() } }),
      artifact({ artifactType: SIGNATURE, annotations: { by: 'me' } }),
      artifact({ config: { ...config, mediaType: 'application/vnd.example.old-config' } }),
      indexOf([subject], { subject: subjectOf(subject), annotations: { kind: 'index' } }),
      indexOf([subject], { subject: subjectOf(subject), artifactType: SBOM, annotations: { kind: 'typed' } }),
    ];
    for (const document of members) await pushed(registry, repository, { document });
    return { repository, path: `/v2/${repository}/referrers/${subject.digest}`, subject, members };
  });

interface Entry {
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

const entriesOf = (answer: ProbeAnswer): readonly Entry[] => {
  demandStatus(answer, 200);
  const { manifests } = (answer.json ?? {}) as { readonly manifests?: readonly Entry[] };
  demand(Array.isArray(manifests), `${answer.asked}: there is no list of manifests`);
  return manifests ?? [];
};

const entryOf = async (registry: Probe, index: number): Promise<Entry> => {
  const { path, members } = await family(registry);
  const wanted = members[index]?.digest ?? '';
  const found = entriesOf(await registry.call('GET', path)).find(({ digest }) => digest === wanted);
  demand(found !== undefined, `${wanted} is not listed`);
  return found as Entry;
};

const demandType = async (registry: Probe, index: number, wanted: string | undefined): Promise<void> => {
  const { artifactType } = await entryOf(registry, index);
  demand(
    artifactType === wanted,
    `artifactType is ${JSON.stringify(artifactType)}, not ${JSON.stringify(wanted)}`,
  );
};

const listingReferrers = defineChecks('Listing Referrers', [
  [
    'MUST',
    'the answer is 200, an image index, with its Content-Type',
    async (registry) => {
      const answer = await registry.call('GET', (await family(registry)).path);
      demandStatus(answer, 200);
      demandHeader(answer, 'content-type', OCI_INDEX);
      const { schemaVersion, mediaType } = answer.json as { schemaVersion?: unknown; mediaType?: unknown };
      demand(schemaVersion === 2 && mediaType === OCI_INDEX, 'the body is no image index');
    },
  ],
  [
    'MUST',
    'every manifest with that subject is listed, and nothing else',
    async (registry) => {
      const { path, members } = await family(registry);
      const found = entriesOf(await registry.call('GET', path)).map(({ digest }) => digest);
      demand(
        sameSet(
          found,
          members.map(({ digest }) => digest),
        ),
        `listed are ${found.join(' ')}`,
      );
    },
  ],
  [
    'MUST',
    'descriptors have media type and size',
    async (registry) => {
      const { members } = await family(registry);
      for (const [index, member] of members.entries()) {
        const { mediaType, size } = await entryOf(registry, index);
        demand(
          mediaType === member.type && size === member.body.length,
          `the descriptor says ${mediaType}, ${size}`,
        );
      }
    },
  ],
  ['MUST', 'artifactType is that of the manifest', (registry) => demandType(registry, 0, SBOM)],
  [
    'MUST',
    'artifactType is the media type of the config where the manifest has none',
    (registry) => demandType(registry, 2, 'application/vnd.example.old-config'),
  ],
  ['MUST', 'artifactType is that of the index', (registry) => demandType(registry, 4, SBOM)],
  [
    'MUST',
    'artifactType of an index without one is left out',
    (registry) => demandType(registry, 3, undefined),
  ],
  [
    'MUST',
    'annotations of the manifest are part of the descriptor',
    async (registry) => {
      for (const [index, name, value] of [
        [0, 'org.example.format', 'json'],
        [3, 'kind', 'index'],
      ] as const) {
        const { annotations } = await entryOf(registry, index);
        demand(annotations?.[name] === value, `annotations are ${JSON.stringify(annotations)}`);
      }
    },
  ],
  [
    'MUST',
    'nobody refers to it: an empty list, never 404',
    async (registry) => {
      const { repository } = await family(registry);
      for (const name of [repository, registry.repository()]) {
        const answer = await registry.call(
          'GET',
          `/v2/${name}/referrers/${digestBy('sha256', randomUUID())}`,
        );
        demand(entriesOf(answer).length === 0, 'the list is not empty');
      }
    },
  ],
  [
    'MUST',
    'what is not a digest is 400',
    async (registry) => {
      const { repository } = await family(registry);
      for (const digest of ['sha256:bad', 'nothing', 'latest'])
        demandStatus(await registry.call('GET', `/v2/${repository}/referrers/${digest}`), 400);
    },
  ],
  [
    'SHOULD',
    'artifactType filters, and OCI-Filters-Applied says so',
    async (registry) => {
      const { path, members } = await family(registry);
      const answer = await registry.call('GET', `${path}?artifactType=${encodeURIComponent(SBOM)}`);
      demandHeader(answer, 'oci-filters-applied', 'artifactType');
      const wanted = [members[0], members[4]].map((member) => member?.digest ?? '');
      demand(
        sameSet(
          entriesOf(answer).map(({ digest }) => digest),
          wanted,
        ),
        'the filter brought something else',
      );
      const none = await registry.call('GET', `${path}?artifactType=application/x-none`);
      demand(entriesOf(none).length === 0, 'a filter that nothing matches brought something');
    },
  ],
  [
    'MUST',
    'without a filter there is no OCI-Filters-Applied',
    async (registry) => {
      const answer = await registry.call('GET', (await family(registry)).path);
      demandStatus(answer, 200);
      demand(headerOf(answer, 'oci-filters-applied') === undefined, 'there is an OCI-Filters-Applied');
    },
  ],
  [
    'MUST',
    'what does not fit into one answer comes with Link and rel="next"',
    async (registry) => {
      const { repository, document: subject } = await taggedImage(registry);
      const config = await pushedBlob(registry, repository, { type: OCI_EMPTY, content: '{}' });
      const large = 'x'.repeat(1_100_000);
      for (let count = 0; count < 5; count += 1) {
        const annotations = { large, count: String(count) };
        const document = documentOf({
          schemaVersion: 2,
          mediaType: OCI_IMAGE,
          config,
          layers: [config],
          subject: subjectOf(subject),
          annotations,
        });
        await pushed(registry, repository, { document });
      }
      const seen: string[] = [];
      let path = `/v2/${repository}/referrers/${subject.digest}`;
      for (let page = 0; page < 10 && path !== ''; page += 1) {
        const answer = await registry.call('GET', path);
        demand(
          answer.body.length <= 4 * 1024 * 1024 || seen.length > 0,
          'one answer is larger than a manifest may be',
        );
        seen.push(...entriesOf(answer).map(({ digest }) => digest));
        path = headerOf(answer, 'link') === undefined ? '' : demandNext(answer, path);
      }
      demand(new Set(seen).size === 5 && seen.length === 5, `${seen.length} descriptors came`);
    },
  ],
]);

const enabling = defineChecks('Enabling the Referrers API', [
  [
    'MUST',
    'manifests that an index of the tag schema lists, and that have a subject, are referrers',
    async (registry) => {
      const { repository, document: subject } = await taggedImage(registry);
      const config = await pushedBlob(registry, repository, { type: OCI_EMPTY, content: '{}' });
      const artifact = documentOf({
        schemaVersion: 2,
        mediaType: OCI_IMAGE,
        artifactType: SBOM,
        config,
        layers: [config],
        subject: subjectOf(subject),
      });
      await pushed(registry, repository, { document: artifact });
      const stray = await imageIn(registry, repository);
      await pushed(registry, repository, { document: stray });
      await pushed(registry, repository, {
        document: indexOf([artifact, stray]),
        reference: subject.digest.replace(':', '-'),
      });
      const found = entriesOf(
        await registry.call('GET', `/v2/${repository}/referrers/${subject.digest}`),
      ).map(({ digest }) => digest);
      demand(sameSet(found, [artifact.digest]), `referrers are ${found.join(' ')}`);
    },
  ],
  [
    'MUST',
    'a manifest is a referrer as soon as it is pushed, and none as soon as it is deleted',
    async (registry) => {
      const { repository, document: subject } = await taggedImage(registry);
      const artifact = await imageIn(registry, repository, { subject: subjectOf(subject) });
      await pushed(registry, repository, { document: artifact });
      const path = `/v2/${repository}/referrers/${subject.digest}`;
      demand(entriesOf(await registry.call('GET', path)).length === 1, 'it is not listed');
      const deleted = await registry.call('DELETE', `/v2/${repository}/manifests/${artifact.digest}`);
      if (deleted.status !== 202) return;
      demand(entriesOf(await registry.call('GET', path)).length === 0, 'it is still listed');
    },
  ],
]);

/** Spec: Content Discovery, referrers, and Upgrade Procedures. */
export const referrerChecks: readonly Check[] = [...listingReferrers, ...enabling];
