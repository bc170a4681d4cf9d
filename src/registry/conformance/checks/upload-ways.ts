import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { defineChecks, type CheckSource } from '../define.ts';
import {
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
import type { Check, Probe, ProbeAnswer } from '../types.ts';

type Algorithm = 'sha256' | 'sha512';

const OCTETS = { 'content-type': 'application/octet-stream' };

/** What a way of uploading works with. */
interface Upload {
  readonly registry: Probe;
  readonly algorithm: Algorithm;
  readonly repository: string;
  readonly bytes: Buffer;
  readonly digest: string;
}

const uploadsOf = (repository: string): string => `/v2/${repository}/blobs/uploads/`;

const begin = async ({ registry, repository, algorithm }: Upload): Promise<string> => {
  const query = algorithm === 'sha256' ? '' : `?digest-algorithm=${algorithm}`;
  const begun = await registry.call('POST', `${uploadsOf(repository)}${query}`);
  if (begun.status === 400 && algorithm !== 'sha256') return unsupported(`digests by ${algorithm}`);
  demandStatus(begun, 202);
  return locationOf(begun);
};

/** The registry's word for a chunk, at least as long as it wants one. */
const minimumOf = (answer: ProbeAnswer): number => Number(headerOf(answer, 'oci-chunk-min-length') ?? '0');

const patch = (registry: Probe, location: string, chunk: Uint8Array, start?: number): Promise<ProbeAnswer> =>
  registry.call('PATCH', location, {
    body: chunk,
    headers: {
      ...OCTETS,
      ...(start === undefined ? {} : { 'content-range': `${start}-${start + chunk.length - 1}` }),
    },
  });

const patched = async (
  upload: Upload,
  location: string,
  [start, end]: readonly [number, number],
): Promise<string> => {
  const answer = await patch(upload.registry, location, upload.bytes.subarray(start, end), start);
  demandStatus(answer, 202);
  demandHeader(answer, 'range', `0-${end - 1}`);
  return locationOf(answer);
};

const close = (
  { registry, digest }: Upload,
  location: string,
  { chunk, start }: { readonly chunk?: Uint8Array; readonly start?: number } = {},
): Promise<ProbeAnswer> =>
  registry.call('PUT', withQuery(location, 'digest', digest), {
    body: chunk,
    headers: {
      ...OCTETS,
      ...(chunk === undefined || start === undefined
        ? {}
        : { 'content-range': `${start}-${start + chunk.length - 1}` }),
    },
  });

/** The blob is there by HEAD, GET and Location, and deleted at once where deleting is offered. */
const proved = async (upload: Upload, created: ProbeAnswer): Promise<void> => {
  const { registry, repository, digest, bytes, algorithm } = upload;
  if (algorithm !== 'sha256' && created.status === 400) unsupported(`digests by ${algorithm}`);
  demandStatus(created, 201);
  const path = `/v2/${repository}/blobs/${digest}`;
  for (const place of [path, locationOf(created)]) {
    const got = await registry.call('GET', place);
    demandStatus(got, 200);
    demandBytes(got, bytes);
  }
  const head = await registry.call('HEAD', path);
  demandStatus(head, 200);
  demandHeader(head, 'content-length', String(bytes.length));
  const deleted = await registry.call('DELETE', path);
  demandStatus(deleted, 202, 400, 405);
  if (deleted.status === 202) demandStatus(await registry.call('GET', path), 404);
};

const uploadOf = (registry: Probe, algorithm: Algorithm, bytes: Buffer = randomBytes(2048)): Upload => ({
  registry,
  algorithm,
  bytes,
  repository: registry.repository(),
  digest: digestBy(algorithm, bytes),
});

const singlePost = async (upload: Upload): Promise<void> => {
  const { registry, repository, bytes, digest, algorithm } = upload;
  const created = await registry.call('POST', withQuery(uploadsOf(repository), 'digest', digest), {
    body: bytes,
    headers: OCTETS,
  });
  if (created.status === 400 && algorithm !== 'sha256') unsupported(`digests by ${algorithm}`);
  if (created.status !== 202) return proved(upload, created);
  return proved(upload, await close(upload, locationOf(created), { chunk: bytes }));
};

const postAndPut = async (upload: Upload): Promise<void> =>
  proved(upload, await close(upload, await begin(upload), { chunk: upload.bytes }));

interface Chunking {
  readonly lastInPut: boolean;
  readonly size: number;
}

const inChunks = async (upload: Upload, { lastInPut, size: wanted }: Chunking): Promise<void> => {
  const { registry, repository, bytes } = upload;
  const begun = await registry.call('POST', uploadsOf(repository));
  demandStatus(begun, 202);
  const size = Math.max(wanted, minimumOf(begun));
  let location = locationOf(begun);
  let start = 0;
  const stop = lastInPut ? bytes.length - 1 : bytes.length;
  while (start < stop) {
    const end = Math.min(start + size, bytes.length);
    if (lastInPut && end === bytes.length) break;
    location = await patched(upload, location, [start, end]);
    start = end;
  }
  return proved(
    upload,
    await close(upload, location, lastInPut ? { chunk: bytes.subarray(start), start } : {}),
  );
};

const outOfOrder = async (upload: Upload, { inPut }: { readonly inPut: boolean }): Promise<void> => {
  const { registry, bytes } = upload;
  let location = await patched(upload, await begin(upload), [0, 1000]);
  const wrong = bytes.subarray(1500);
  const refused = inPut
    ? await close(upload, location, { chunk: wrong, start: 1500 })
    : await patch(registry, location, wrong, 1500);
  demandStatus(refused, 416);
  const status = await registry.call('GET', location);
  demandStatus(status, 204);
  demandHeader(status, 'range', '0-999');
  location = await patched(upload, locationOf(status), [1000, bytes.length]);
  return proved(upload, await close(upload, location));
};

const mounted = async (upload: Upload, { named }: { readonly named: boolean }): Promise<void> => {
  const { registry, repository, digest, bytes, algorithm } = upload;
  const from = registry.repository();
  const source = { ...upload, repository: from };
  const put = await close(source, await begin(source), { chunk: bytes });
  if (put.status === 400 && algorithm !== 'sha256') unsupported(`digests by ${algorithm}`);
  demandStatus(put, 201);
  const base = withQuery(uploadsOf(repository), 'mount', digest);
  const answer = await registry.call('POST', named ? withQuery(base, 'from', from) : base);
  if (answer.status !== 202) return proved(upload, answer);
  await proved(upload, await close(upload, locationOf(answer), { chunk: bytes }));
  return unsupported(named ? 'mounting' : 'mounting without `from`');
};

const mountOfNothing = async (upload: Upload): Promise<void> => {
  const { registry, repository, digest } = upload;
  const base = withQuery(uploadsOf(repository), 'mount', digest);
  for (const target of [withQuery(base, 'from', registry.repository()), base]) {
    const answer = await registry.call('POST', target);
    demand(answer.status !== 201, `${answer.asked} mounted what is not there`);
  }
  demandStatus(await registry.call('HEAD', `/v2/${repository}/blobs/${digest}`), 404);
};

const streamed = async (upload: Upload): Promise<void> => {
  const { registry, bytes } = upload;
  const location = await begin(upload);
  const answer = await registry.call('PATCH', location, {
    body: Readable.from([bytes.subarray(0, 700), bytes.subarray(700)]),
    headers: OCTETS,
  });
  demandStatus(answer, 202);
  return proved(upload, await close(upload, locationOf(answer)));
};

const cancelled = async (upload: Upload): Promise<void> => {
  const location = await begin(upload);
  const answer = await upload.registry.call('DELETE', location);
  if ([400, 404, 405].includes(answer.status)) unsupported('cancelling an upload');
  demandStatus(answer, 204);
  demandStatus(await upload.registry.call('GET', location), 404);
};

/** Contents that do not have the digest that is claimed, five times. */
const lies = async (upload: Upload): Promise<void> => {
  const { registry, repository, bytes, algorithm } = upload;
  const wrong = digestBy(algorithm, randomUUID());
  const liar = { ...upload, digest: wrong };
  const attempts = [
    () =>
      registry.call('POST', withQuery(uploadsOf(repository), 'digest', wrong), {
        body: bytes,
        headers: OCTETS,
      }),
    async () => close(liar, await begin(upload), { chunk: bytes }),
    async () => close({ ...upload, digest: `${algorithm}:bad` }, await begin(upload), { chunk: bytes }),
    async () => registry.call('PUT', await begin(upload), { body: bytes, headers: OCTETS }),
    async () => {
      const answer = await patch(registry, await begin(upload), bytes, 0);
      return close(liar, locationOf(answer));
    },
  ];
  for (const attempt of attempts) {
    const answer = await attempt();
    // A registry without single POST answers 202 and waits for the rest.
    if (answer.status !== 202) demandStatus(answer, 400);
  }
  demandStatus(await registry.call('HEAD', `/v2/${repository}/blobs/${wrong}`), 404);
};

const waysOf = (algorithm: Algorithm): readonly CheckSource[] => {
  const way =
    (run: (upload: Upload) => Promise<void>, bytes?: () => Buffer) =>
    (registry: Probe): Promise<void> =>
      run(uploadOf(registry, algorithm, bytes?.()));
  return [
    [
      'MUST',
      'a blob that is not there is 404',
      way(async ({ registry, repository, digest }) =>
        demandStatus(await registry.call('GET', `/v2/${repository}/blobs/${digest}`), 404),
      ),
    ],
    ['MAY', 'one POST with the content; 202 and a PUT otherwise', way(singlePost)],
    ['MUST', 'POST, then PUT', way(postAndPut)],
    [
      'MUST',
      'POST, one PATCH with Content-Range, PUT',
      way((upload) => inChunks(upload, { lastInPut: false, size: 2048 })),
    ],
    ['MUST', 'POST, one PATCH without Content-Range and length, PUT', way(streamed)],
    [
      'MUST',
      'several chunks, then an empty PUT',
      way((upload) => inChunks(upload, { lastInPut: false, size: 800 })),
    ],
    [
      'MUST',
      'several chunks, the last one in the PUT',
      way((upload) => inChunks(upload, { lastInPut: true, size: 800 })),
    ],
    [
      'MUST',
      'a chunk out of order is 416, and the upload goes on',
      way((upload) => outOfOrder(upload, { inPut: false })),
    ],
    [
      'MUST',
      'a last chunk out of order is 416, and the upload goes on',
      way((upload) => outOfOrder(upload, { inPut: true })),
    ],
    [
      'MUST',
      'mounted from a named repository, or 202 and an upload',
      way((upload) => mounted(upload, { named: true })),
    ],
    ['MAY', 'mounted without naming a repository', way((upload) => mounted(upload, { named: false }))],
    ['MUST', 'what is not there cannot be mounted', way(mountOfNothing)],
    ['SHOULD', 'an upload can be cancelled', way(cancelled)],
    ['MUST', 'an empty blob', way(postAndPut, () => Buffer.alloc(0))],
    ['MUST', 'an empty blob in one POST', way(singlePost, () => Buffer.alloc(0))],
    ['MUST', 'the blob {}', way(postAndPut, () => Buffer.from('{}'))],
    ['MUST', 'content that is not what its digest says is 400, in five ways', way(lies)],
  ];
};

/** Every way a blob can come, for each algorithm of digests. */
export const uploadWayChecks: readonly Check[] = [
  ...defineChecks('Pushing blobs', waysOf('sha256'), 'sha256'),
  ...defineChecks('Pushing blobs', waysOf('sha512'), 'sha512'),
];
