import { randomUUID } from 'node:crypto';
import { pushed, taggedImage } from '../content.ts';
import { defineChecks } from '../define.ts';
import { demand, demandStatus, unsupported } from '../expectations.ts';
import { digestBy } from '../probe.ts';
import type { Check, ProbeAnswer } from '../types.ts';

/** Whether it was deleted; 400 and 405 say that deleting is not offered. */
const demandDeleted = (answer: ProbeAnswer, what: string): void => {
  if (answer.status === 400 || answer.status === 405) unsupported(`deleting ${what}`);
  demandStatus(answer, 202);
};

const deletingTags = defineChecks('Deleting tags', [
  [
    'MUST',
    'DELETE of a tag is 202; the tag is gone at once, its manifest stays',
    async (registry) => {
      const { repository, document, tag } = await taggedImage(registry);
      demandDeleted(await registry.call('DELETE', `/v2/${repository}/manifests/${tag}`), 'tags');
      demandStatus(await registry.call('GET', `/v2/${repository}/manifests/${tag}`), 404);
      demandStatus(await registry.call('GET', `/v2/${repository}/manifests/${document.digest}`), 200);
      const { tags } = (await registry.call('GET', `/v2/${repository}/tags/list`)).json as {
        tags?: readonly string[] | null;
      };
      demand(!(tags ?? []).includes(tag), 'the tag is still listed');
    },
  ],
  [
    'MUST',
    'DELETE of a tag leaves the other tags of the manifest',
    async (registry) => {
      const { repository, document, tag } = await taggedImage(registry);
      await pushed(registry, repository, { document, reference: 'other' });
      demandDeleted(await registry.call('DELETE', `/v2/${repository}/manifests/${tag}`), 'tags');
      demandStatus(await registry.call('GET', `/v2/${repository}/manifests/other`), 200);
    },
  ],
]);

const deletingManifests = defineChecks('Deleting Manifests', [
  [
    'MUST',
    'DELETE of a manifest is 202; it and the tags that point to it are gone at once',
    async (registry) => {
      const { repository, document, tag } = await taggedImage(registry);
      await pushed(registry, repository, { document, reference: 'other' });
      demandDeleted(
        await registry.call('DELETE', `/v2/${repository}/manifests/${document.digest}`),
        'manifests',
      );
      for (const reference of [document.digest, tag, 'other'])
        demandStatus(await registry.call('GET', `/v2/${repository}/manifests/${reference}`), 404);
    },
  ],
  [
    'MUST',
    'DELETE in a repository that is not there is 404',
    async (registry) => {
      const path = `/v2/${registry.repository()}/manifests/${digestBy('sha256', randomUUID())}`;
      const answer = await registry.call('DELETE', path);
      if (answer.status === 400 || answer.status === 405) unsupported('deleting manifests');
      demandStatus(answer, 404);
    },
  ],
  [
    'MUST',
    'what was deleted can be pushed again',
    async (registry) => {
      const { repository, document, tag } = await taggedImage(registry);
      demandDeleted(
        await registry.call('DELETE', `/v2/${repository}/manifests/${document.digest}`),
        'manifests',
      );
      await pushed(registry, repository, { document, reference: tag });
      demandStatus(await registry.call('GET', `/v2/${repository}/manifests/${tag}`), 200);
    },
  ],
]);

const deletingBlobs = defineChecks('Deleting Blobs', [
  [
    'MUST',
    'DELETE of a blob is 202, and it is gone at once',
    async (registry) => {
      const repository = registry.repository();
      const path = `/v2/${repository}/blobs/${await registry.blob(repository, randomUUID())}`;
      demandDeleted(await registry.call('DELETE', path), 'blobs');
      for (const method of ['GET', 'HEAD']) demandStatus(await registry.call(method, path), 404);
    },
  ],
  [
    'MUST',
    'DELETE of a blob that is not there is 404',
    async (registry) => {
      const repository = registry.repository();
      await registry.blob(repository, randomUUID());
      const answer = await registry.call(
        'DELETE',
        `/v2/${repository}/blobs/${digestBy('sha256', randomUUID())}`,
      );
      if (answer.status === 400 || answer.status === 405) unsupported('deleting blobs');
      demandStatus(answer, 404);
    },
  ],
]);

/** Spec: Content Management. */
export const managementChecks: readonly Check[] = [...deletingTags, ...deletingManifests, ...deletingBlobs];
