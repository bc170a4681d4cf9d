import { randomUUID } from 'node:crypto';
import { imageIn, pushed, taggedImage } from '../content.ts';
import { defineChecks } from '../define.ts';
import { demand, demandBytes, demandHeader, demandStatus, headerOf } from '../expectations.ts';
import { digestBy } from '../probe.ts';
import type { Check, Probe } from '../types.ts';

/** The image that the checks of reading look at. */
const sample = (registry: Probe) => registry.once('pull', () => taggedImage(registry));

const pathOf = (repository: string, reference: string): string => `/v2/${repository}/manifests/${reference}`;

const eachReference = async (
  registry: Probe,
  look: (path: string, sample: Awaited<ReturnType<typeof taggedImage>>) => Promise<void>,
): Promise<void> => {
  const found = await sample(registry);
  for (const reference of [found.tag, found.document.digest])
    await look(pathOf(found.repository, reference), found);
};

const pullingManifests = defineChecks('Pulling manifests', [
  [
    'MUST',
    'a manifest is answered with 200 and its bytes, by tag and by digest',
    (registry) =>
      eachReference(registry, async (path, { document }) => {
        const answer = await registry.call('GET', path);
        demandStatus(answer, 200);
        demandBytes(answer, document.body);
      }),
  ],
  [
    'MUST',
    'a reference is a tag or a digest and nothing else',
    async (registry) => {
      const { repository } = await sample(registry);
      for (const reference of ['.v1', '-v1', 'v1:latest', 'sha256:abc', 'v%201', 'sha256:' + 'g'.repeat(64)])
        demandStatus(await registry.call('GET', pathOf(repository, reference)), 400, 404);
    },
  ],
  [
    'MUST',
    'names that the grammar of names does not have are not served',
    async (registry) => {
      const { repository, document } = await sample(registry);
      const { body, type } = document;
      for (const name of [
        `${repository}/UPPER`,
        `${repository}//x`,
        `${repository}/-x`,
        `${repository}/x_`,
        `${repository}/x..y`,
      ]) {
        demandStatus(await registry.call('GET', `/v2/${name}/tags/list`), 301, 400, 404);
        demandStatus(
          await registry.manifest({ repository: name, body, type, reference: 'v1' }),
          301,
          400,
          404,
          405,
        );
      }
    },
  ],
  [
    'MUST',
    'a tag of 128 characters can be pushed and pulled, one of 129 cannot',
    async (registry) => {
      const { repository, document } = await sample(registry);
      const tag = `_A.b-${'9'.repeat(123)}`;
      await pushed(registry, repository, { document, reference: tag });
      demandBytes(await registry.call('GET', pathOf(repository, tag)), document.body);
      const { body, type } = document;
      demandStatus(await registry.manifest({ repository, body, type, reference: `${tag}0` }), 400, 404, 405);
    },
  ],
  [
    'SHOULD',
    'Content-Type has no parameters',
    (registry) =>
      eachReference(registry, async (path) => {
        const type = headerOf(await registry.call('GET', path), 'content-type') ?? '';
        demand(!type.includes(';'), `Content-Type is ${type}`);
      }),
  ],
  [
    'SHOULD',
    'Content-Type is what the manifest was pushed with',
    (registry) =>
      eachReference(registry, async (path, { document }) => {
        demandHeader(await registry.call('GET', path), 'content-type', document.type);
      }),
  ],
  [
    'SHOULD',
    'Docker-Content-Digest has the digest',
    (registry) =>
      eachReference(registry, async (path, { document }) =>
        demandHeader(await registry.call('GET', path), 'docker-content-digest', document.digest),
      ),
  ],
  [
    'MUST',
    'a manifest that is not there is 404, by tag, by digest, and in a repository that is not there',
    async (registry) => {
      const { repository } = await sample(registry);
      const absent = digestBy('sha256', randomUUID());
      for (const path of [
        pathOf(repository, 'absent'),
        pathOf(repository, absent),
        pathOf(registry.repository(), 'v1'),
        pathOf(registry.repository(), absent),
      ])
        demandStatus(await registry.call('GET', path), 404);
    },
  ],
  [
    'MUST',
    'the names of the specification are accepted: separators ., _, __ and dashes, several components',
    async (registry) => {
      const repository = `${registry.repository()}/a.b/c_d/e__f/g---h/0`;
      const document = await imageIn(registry, repository);
      await pushed(registry, repository, { document, reference: 'v1' });
      demandBytes(await registry.call('GET', pathOf(repository, 'v1')), document.body);
    },
  ],
]);

const bytes = Buffer.from(Array.from({ length: 2048 }, (_, index) => (index * 7) % 251));

const sampleBlob = (registry: Probe) =>
  registry.once('blob', async () => {
    const repository = registry.repository();
    const digest = await registry.blob(repository, bytes);
    return { repository, digest, path: `/v2/${repository}/blobs/${digest}` };
  });

const range = async (
  registry: Probe,
  asked: string,
  [start, end]: readonly [number, number],
): Promise<void> => {
  const { path } = await sampleBlob(registry);
  const answer = await registry.call('GET', path, { headers: { range: `bytes=${asked}` } });
  demandStatus(answer, 206);
  const found = headerOf(answer, 'content-range') ?? '';
  demand(
    [`bytes ${start}-${end}/2048`, `bytes ${start}-${end}/*`].includes(found),
    `Content-Range is ${JSON.stringify(found)} for ${asked}`,
  );
  demandBytes(answer, bytes.subarray(start, end + 1));
};

const pullingBlobs = defineChecks('Pulling blobs', [
  [
    'MUST',
    'a blob is answered with 200 and its bytes',
    async (registry) => {
      const answer = await registry.call('GET', (await sampleBlob(registry)).path);
      demandStatus(answer, 200);
      demandBytes(answer, bytes);
    },
  ],
  [
    'SHOULD',
    'Docker-Content-Digest is there',
    async (registry) => {
      const { path, digest } = await sampleBlob(registry);
      demandHeader(await registry.call('GET', path), 'docker-content-digest', digest);
    },
  ],
  [
    'MUST',
    'Docker-Content-Digest, if present, is a digest of the body',
    async (registry) => {
      const { path } = await sampleBlob(registry);
      const answer = await registry.call('GET', path);
      const found = headerOf(answer, 'docker-content-digest');
      if (found === undefined) return;
      demand(
        [digestBy('sha256', answer.body), digestBy('sha512', answer.body)].some((digest) => digest === found),
        `Docker-Content-Digest is ${found}`,
      );
    },
  ],
  [
    'MUST',
    'a blob that is not there is 404, also in a repository that is not there',
    async (registry) => {
      const { repository, digest } = await sampleBlob(registry);
      demandStatus(
        await registry.call('GET', `/v2/${repository}/blobs/${digestBy('sha256', randomUUID())}`),
        404,
      );
      demandStatus(await registry.call('GET', `/v2/${registry.repository()}/blobs/${digest}`), 404);
    },
  ],
  ['SHOULD', 'Range: from here to there', (registry) => range(registry, '500-1499', [500, 1499])],
  ['SHOULD', 'Range: from here to the end', (registry) => range(registry, '500-', [500, 2047])],
  ['SHOULD', 'Range: the last bytes', (registry) => range(registry, '-500', [1548, 2047])],
  ['SHOULD', 'Range: beyond the end', (registry) => range(registry, '2000-5000', [2000, 2047])],
  [
    'SHOULD',
    'Range: what cannot be satisfied is 416',
    async (registry) => {
      const { path } = await sampleBlob(registry);
      for (const asked of ['500-0', '5000-10000'])
        demandStatus(await registry.call('GET', path, { headers: { range: `bytes=${asked}` } }), 416);
    },
  ],
]);

const exists = defineChecks('Checking if content exists in the registry', [
  [
    'MUST',
    'HEAD of a manifest, by tag and by digest, is 200',
    (registry) =>
      eachReference(registry, async (path) => demandStatus(await registry.call('HEAD', path), 200)),
  ],
  [
    'MUST',
    'HEAD of a blob is 200',
    async (registry) => demandStatus(await registry.call('HEAD', (await sampleBlob(registry)).path), 200),
  ],
  [
    'SHOULD',
    'Docker-Content-Digest of HEAD has the digest',
    async (registry) => {
      await eachReference(registry, async (path, { document }) =>
        demandHeader(await registry.call('HEAD', path), 'docker-content-digest', document.digest),
      );
      const { path, digest } = await sampleBlob(registry);
      demandHeader(await registry.call('HEAD', path), 'docker-content-digest', digest);
    },
  ],
  [
    'SHOULD',
    'Content-Length of HEAD has the size',
    async (registry) => {
      await eachReference(registry, async (path, { document }) =>
        demandHeader(await registry.call('HEAD', path), 'content-length', String(document.body.length)),
      );
      const { path } = await sampleBlob(registry);
      demandHeader(await registry.call('HEAD', path), 'content-length', '2048');
    },
  ],
  [
    'MUST',
    'HEAD of what is not there is 404',
    async (registry) => {
      const { repository } = await sample(registry);
      const absent = digestBy('sha256', randomUUID());
      for (const path of [
        pathOf(repository, 'absent'),
        pathOf(repository, absent),
        `/v2/${repository}/blobs/${absent}`,
      ])
        demandStatus(await registry.call('HEAD', path), 404);
    },
  ],
]);

/** Spec: Pull. */
export const pullChecks: readonly Check[] = [...pullingManifests, ...pullingBlobs, ...exists];
