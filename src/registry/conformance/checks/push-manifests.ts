import { randomUUID } from 'node:crypto';
import { documentOf, imageIn, OCI_EMPTY, OCI_IMAGE, pushed, pushedBlob, subjectOf } from '../content.ts';
import { defineChecks } from '../define.ts';
import {
  demand,
  demandBytes,
  demandHeader,
  demandStatus,
  headerOf,
  locationOf,
  unsupported,
} from '../expectations.ts';
import type { Check, Probe } from '../types.ts';

const newImage = async (registry: Probe, more: Readonly<Record<string, unknown>> = {}) => {
  const repository = registry.repository();
  return { repository, document: await imageIn(registry, repository, more) };
};

const annotated = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 'x'.repeat(10_000)]));

const pushing = defineChecks('Pushing Manifests', [
  [
    'MUST',
    'PUT by tag is 201, and its Location can be pulled',
    async (registry) => {
      const { repository, document } = await newImage(registry);
      const put = await registry.manifest({ repository, ...document, reference: 'v1' });
      demandStatus(put, 201);
      demandBytes(await registry.call('GET', locationOf(put)), document.body);
    },
  ],
  [
    'MUST',
    'PUT by digest is 201, and its Location can be pulled',
    async (registry) => {
      const { repository, document } = await newImage(registry);
      const put = await registry.manifest({ repository, ...document });
      demandStatus(put, 201);
      demandBytes(await registry.call('GET', locationOf(put)), document.body);
    },
  ],
  [
    'MUST',
    'manifests are kept byte for byte',
    async (registry) => {
      const { repository, document } = await newImage(registry, {
        'org.example.unknown': { a: [1, 2.5e3, 'ü\u2028'] },
      });
      await pushed(registry, repository, { document, reference: 'odd' });
      demandBytes(await registry.call('GET', `/v2/${repository}/manifests/odd`), document.body);
      demandBytes(
        await registry.call('GET', `/v2/${repository}/manifests/${document.digest}`),
        document.body,
      );
    },
  ],
  [
    'MUST',
    'Docker-Content-Digest of a push, where there is one, is the digest of what was pushed',
    async (registry) => {
      const { repository, document } = await newImage(registry);
      for (const reference of ['v1', document.digest]) {
        const put = await registry.manifest({ repository, ...document, reference });
        const found = headerOf(put, 'docker-content-digest');
        demand(found === undefined || found === document.digest, `Docker-Content-Digest is ${found}`);
      }
    },
  ],
  [
    'MUST',
    'a manifest pushed under another digest is refused',
    async (registry) => {
      const { repository, document } = await newImage(registry);
      const other = await imageIn(registry, repository);
      demandStatus(await registry.manifest({ repository, ...document, reference: other.digest }), 400);
      demandStatus(await registry.call('GET', `/v2/${repository}/manifests/${other.digest}`), 404);
    },
  ],
  [
    'SHOULD',
    'parameters of Content-Type are ignored',
    async (registry) => {
      const { repository, document } = await newImage(registry);
      const type = `${document.type}; charset=utf-8`;
      demandStatus(await registry.manifest({ repository, body: document.body, type, reference: 'v1' }), 201);
      demandHeader(
        await registry.call('GET', `/v2/${repository}/manifests/v1`),
        'content-type',
        document.type,
      );
    },
  ],
  [
    'MAY',
    'the list of blobs is empty',
    async (registry) => {
      const { repository, document } = await newImage(registry, { layers: [] });
      const answer = await registry.manifest({ repository, ...document });
      if (answer.status === 400) return unsupported('images without layers');
      return demandStatus(answer, 201);
    },
  ],
  [
    'MUST',
    'nothing is pulled from a repository that is not there',
    async (registry) =>
      demandStatus(await registry.call('GET', `/v2/${registry.repository()}/manifests/latest`), 404),
  ],
  [
    'SHOULD',
    'a manifest of 3.9 MB is accepted and kept',
    async (registry) => {
      const { repository, document } = await newImage(registry, { annotations: annotated(390) });
      await pushed(registry, repository, { document, reference: 'large' });
      demandBytes(await registry.call('GET', `/v2/${repository}/manifests/large`), document.body);
    },
  ],
  [
    'SHOULD',
    'a manifest over the limit is 413',
    async (registry) => {
      const { repository, document } = await newImage(registry, { annotations: annotated(2000) });
      demandStatus(await registry.manifest({ repository, ...document, reference: 'huge' }), 413);
    },
  ],
  [
    'MUST',
    'a tag that is pushed again moves at once',
    async (registry) => {
      const { repository, document } = await newImage(registry);
      await pushed(registry, repository, { document, reference: 'moving' });
      const next = await imageIn(registry, repository);
      await pushed(registry, repository, { document: next, reference: 'moving' });
      demandBytes(await registry.call('GET', `/v2/${repository}/manifests/moving`), next.body);
      demandBytes(
        await registry.call('GET', `/v2/${repository}/manifests/${document.digest}`),
        document.body,
      );
    },
  ],
  [
    'MAY',
    'tags beside a digest: at least ten, each with OCI-Tag',
    async (registry) => {
      const { repository, document } = await newImage(registry);
      const tags = Array.from({ length: 10 }, (_, index) => `t${index}`);
      const query = `?${tags.map((tag) => `tag=${tag}`).join('&')}`;
      const put = await registry.manifest({ repository, ...document, query });
      demandStatus(put, 201);
      const found = (headerOf(put, 'oci-tag') ?? '').split(/,\s*/).filter((tag) => tag !== '');
      if (found.length === 0) return unsupported('tags beside a digest');
      demand(
        tags.every((tag) => found.includes(tag)),
        `OCI-Tag is ${found.join(', ')}`,
      );
      for (const tag of tags)
        demandHeader(
          await registry.call('HEAD', `/v2/${repository}/manifests/${tag}`),
          'docker-content-digest',
          document.digest,
        );
      return undefined;
    },
  ],
  [
    'MAY',
    'a manifest of a media type that nobody knows is kept',
    async (registry) => {
      const repository = registry.repository();
      const document = documentOf({ mediaType: 'application/vnd.example.odd.v7+json', unique: randomUUID() });
      const answer = await registry.manifest({ repository, ...document, reference: 'odd' });
      if (answer.status === 400 || answer.status === 415) return unsupported('unknown media types');
      demandStatus(answer, 201);
      const got = await registry.call('GET', `/v2/${repository}/manifests/odd`);
      demandBytes(got, document.body);
      return demandHeader(got, 'content-type', document.type);
    },
  ],
  [
    'MUST',
    'what cannot be a manifest is 400',
    async (registry) => {
      const { repository } = await newImage(registry);
      for (const body of ['', 'not json', '[]', '{"schemaVersion":2}'])
        demandStatus(await registry.manifest({ repository, body, type: OCI_IMAGE, reference: 'bad' }), 400);
    },
  ],
]);

const withSubject = defineChecks('Pushing Manifests with Subject', [
  [
    'MUST',
    'OCI-Subject answers a manifest with a subject',
    async (registry) => {
      const { repository, document } = await newImage(registry);
      await pushed(registry, repository, { document });
      const config = await pushedBlob(registry, repository, { type: OCI_EMPTY, content: '{}' });
      const artifact = documentOf({
        schemaVersion: 2,
        mediaType: OCI_IMAGE,
        artifactType: 'application/vnd.example.sbom',
        config,
        layers: [config],
        subject: subjectOf(document),
      });
      const put = await registry.manifest({ repository, ...artifact });
      demandStatus(put, 201);
      demandHeader(put, 'oci-subject', document.digest);
    },
  ],
  [
    'MUST',
    'no OCI-Subject where there is no subject',
    async (registry) => {
      const { repository, document } = await newImage(registry);
      const put = await registry.manifest({ repository, ...document });
      demand(headerOf(put, 'oci-subject') === undefined, 'there is an OCI-Subject');
    },
  ],
]);

/** Spec: Push, as far as it is about manifests. */
export const pushManifestChecks: readonly Check[] = [...pushing, ...withSubject];
