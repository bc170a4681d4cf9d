import { randomBytes, randomUUID } from 'node:crypto';
import { imageIn, pushed } from '../content.ts';
import { defineChecks } from '../define.ts';
import {
  codesOf,
  demand,
  demandBytes,
  demandHeader,
  demandStatus,
  headerOf,
  locationOf,
  unsupported,
  withQuery,
} from '../expectations.ts';
import { digestBy } from '../probe.ts';
import type { Check, Probe } from '../types.ts';

const UUID = /[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}/i;

const uploads = (repository: string): string => `/v2/${repository}/blobs/uploads/`;

const begun = async (registry: Probe, repository = registry.repository()) => {
  const answer = await registry.call('POST', uploads(repository));
  demandStatus(answer, 202);
  return { repository, answer, location: locationOf(answer) };
};

const push = defineChecks('Push', [
  [
    'MUST',
    'a manifest whose subject is not there is accepted',
    async (registry) => {
      const repository = registry.repository();
      const subject = {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        digest: digestBy('sha256', randomUUID()),
        size: 7,
      };
      await pushed(registry, repository, { document: await imageIn(registry, repository, { subject }) });
    },
  ],
  [
    'MUST',
    'a manifest refused for what it refers to is MANIFEST_BLOB_UNKNOWN',
    async (registry) => {
      const repository = registry.repository();
      const layer = {
        mediaType: 'application/vnd.oci.image.layer.v1.tar',
        digest: digestBy('sha256', randomUUID()),
        size: 7,
      };
      const { body, type } = await imageIn(registry, repository, { layers: [layer] });
      const answer = await registry.manifest({ repository, body, type });
      if (answer.status === 201) unsupported('refusing manifests without their blobs');
      demand(answer.status >= 400 && answer.status < 500, `${answer.asked} answered ${answer.status}`);
      demand(
        codesOf(answer).includes('MANIFEST_BLOB_UNKNOWN'),
        `codes are ${JSON.stringify(codesOf(answer))}`,
      );
    },
  ],
]);

const pushingBlobs = defineChecks('Pushing blobs', [
  [
    'SHOULD',
    'a malformed digest, or one of an unknown algorithm, is 400',
    async (registry) => {
      for (const digest of ['sha256:short', 'nothing', `md5:${'0'.repeat(32)}`, `sha257:${'0'.repeat(64)}`]) {
        const { location } = await begun(registry);
        demandStatus(await registry.call('PUT', withQuery(location, 'digest', digest), { body: 'x' }), 400);
      }
    },
  ],
]);

const postThenPut = defineChecks('POST then PUT', [
  ['MUST', 'POST is 202', async (registry) => void (await begun(registry))],
  [
    'MUST',
    'POST has a Location with a UUID',
    async (registry) =>
      demand(UUID.test((await begun(registry)).location), 'there is no UUID in the Location'),
  ],
  [
    'MUST',
    'two uploads have two locations',
    async (registry) => {
      const repository = registry.repository();
      const [one, two] = [await begun(registry, repository), await begun(registry, repository)];
      demand(one.location !== two.location, 'both have the same Location');
    },
  ],
  [
    'MUST',
    'PUT is 201, and its Location can be pulled',
    async (registry) => {
      const bytes = randomBytes(300);
      const { location } = await begun(registry);
      const put = await registry.call('PUT', withQuery(location, 'digest', digestBy('sha256', bytes)), {
        body: bytes,
      });
      demandStatus(put, 201);
      demandBytes(await registry.call('GET', locationOf(put)), bytes);
    },
  ],
  [
    'MUST',
    'an upload that is finished is over',
    async (registry) => {
      const { location } = await begun(registry);
      const digest = digestBy('sha256', 'x');
      demandStatus(await registry.call('PUT', withQuery(location, 'digest', digest), { body: 'x' }), 201);
      demandStatus(await registry.call('GET', location), 404);
    },
  ],
]);

const singlePost = defineChecks('Single POST', [
  [
    'MUST',
    '201 has a Location that can be pulled; who does not offer it answers 202 with one that can be uploaded to',
    async (registry) => {
      const bytes = randomBytes(300);
      const digest = digestBy('sha256', bytes);
      const answer = await registry.call(
        'POST',
        withQuery(uploads(registry.repository()), 'digest', digest),
        {
          body: bytes,
          headers: { 'content-type': 'application/octet-stream' },
        },
      );
      demandStatus(answer, 201, 202);
      const location = locationOf(answer);
      if (answer.status === 201) return demandBytes(await registry.call('GET', location), bytes);
      return demandStatus(
        await registry.call('PUT', withQuery(location, 'digest', digest), { body: bytes }),
        201,
      );
    },
  ],
]);

const inChunks = defineChecks('Pushing a blob in chunks', [
  [
    'SHOULD',
    'OCI-Chunk-Min-Length, where there is one, is a number',
    async (registry) => {
      const found = headerOf((await begun(registry)).answer, 'oci-chunk-min-length');
      if (found === undefined) return unsupported('a least size of chunks');
      return demand(/^\d+$/.test(found), `OCI-Chunk-Min-Length is ${found}`);
    },
  ],
  [
    'MUST',
    'a chunk is 202 with Location and Range',
    async (registry) => {
      const { location } = await begun(registry);
      const answer = await registry.call('PATCH', location, {
        body: 'abcd',
        headers: { 'content-range': '0-3' },
      });
      demandStatus(answer, 202);
      locationOf(answer);
      demandHeader(answer, 'range', '0-3');
    },
  ],
  [
    'MUST',
    'the first chunk begins with 0',
    async (registry) => {
      const { location } = await begun(registry);
      demandStatus(
        await registry.call('PATCH', location, { body: 'abcd', headers: { 'content-range': '1-4' } }),
        416,
      );
    },
  ],
  [
    'MUST',
    'the same chunk twice is 416',
    async (registry) => {
      const { location } = await begun(registry);
      const request = { body: 'abcd', headers: { 'content-range': '0-3' } };
      const next = locationOf(await registry.call('PATCH', location, request));
      demandStatus(await registry.call('PATCH', next, request), 416);
    },
  ],
  [
    'MUST',
    'the status of a running upload is 204 with Location and Range',
    async (registry) => {
      const { location } = await begun(registry);
      const next = locationOf(
        await registry.call('PATCH', location, { body: 'abcd', headers: { 'content-range': '0-3' } }),
      );
      const status = await registry.call('GET', next);
      demandStatus(status, 204);
      locationOf(status);
      demandHeader(status, 'range', '0-3');
    },
  ],
  [
    'MUST',
    'the status of an upload that nobody began is 404',
    async (registry) => {
      const { location } = await begun(registry);
      const other = location.replace(UUID, randomUUID());
      if (other === location) return unsupported('uploads named by UUID');
      return demandStatus(await registry.call('GET', other), 404, 400);
    },
  ],
  [
    'MUST',
    'an upload is closed with a digest',
    async (registry) => {
      const { location } = await begun(registry);
      const next = locationOf(await registry.call('PATCH', location, { body: 'abcd' }));
      demandStatus(await registry.call('PUT', next), 400);
    },
  ],
]);

const cancel = defineChecks('Cancel a blob upload', [
  [
    'SHOULD',
    'DELETE of an upload is 204, and it is gone',
    async (registry) => {
      const { location } = await begun(registry);
      const answer = await registry.call('DELETE', location);
      if ([400, 405].includes(answer.status)) return unsupported('cancelling an upload');
      demandStatus(answer, 204);
      return demandStatus(await registry.call('PATCH', location, { body: 'x' }), 404);
    },
  ],
]);

const mount = defineChecks('Mounting a blob from another repository', [
  [
    'MUST',
    'a mount is 201 with a Location that can be pulled, or 202',
    async (registry) => {
      const [from, to] = [registry.repository(), registry.repository()];
      const bytes = randomBytes(100);
      const digest = await registry.blob(from, bytes);
      const answer = await registry.call('POST', `${uploads(to)}?mount=${digest}&from=${from}`);
      demandStatus(answer, 201, 202);
      if (answer.status === 202) return unsupported('mounting');
      return demandBytes(await registry.call('GET', locationOf(answer)), bytes);
    },
  ],
  [
    'SHOULD',
    'what cannot be mounted is 202, and the upload can go on',
    async (registry) => {
      const to = registry.repository();
      const digest = digestBy('sha256', 'later');
      const answer = await registry.call(
        'POST',
        `${uploads(to)}?mount=${digest}&from=${registry.repository()}`,
      );
      demandStatus(answer, 202);
      demandStatus(
        await registry.call('PUT', withQuery(locationOf(answer), 'digest', digest), { body: 'later' }),
        201,
      );
    },
  ],
  [
    'SHOULD',
    'Docker-Content-Digest of a mount has the digest',
    async (registry) => {
      const [from, to] = [registry.repository(), registry.repository()];
      const digest = await registry.blob(from, randomBytes(100));
      const answer = await registry.call('POST', `${uploads(to)}?mount=${digest}&from=${from}`);
      if (answer.status === 202) return unsupported('mounting');
      return demandHeader(answer, 'docker-content-digest', digest);
    },
  ],
]);

/** Spec: Push, as far as it is about blobs. */
export const pushBlobChecks: readonly Check[] = [
  ...push,
  ...pushingBlobs,
  ...postThenPut,
  ...singlePost,
  ...inChunks,
  ...cancel,
  ...mount,
];
