import { systemErrors, toLadeError } from '#errors';
import { incoming, outgoing } from '#http';
import { algorithmOf, type Digest, type DigestAlgorithm } from '#oci';
import { answer } from './answers.ts';
import type { Call } from './call.ts';
import { registryErrors } from './errors.ts';
import { requireDigest, requireName } from './names.ts';
import type { UploadState } from './types.ts';

const rangeOf = ({ size }: UploadState): string => `0-${Math.max(0, size - 1)}`;

const uploadHeaders = (state: UploadState) => ({
  Location: `/v2/${state.repository}/blobs/uploads/${state.id}`,
  Range: rangeOf(state),
  'Docker-Upload-UUID': state.id,
});

const answerCreated = (call: Call, repository: string, digest: Digest): Response =>
  answer(call.c, {
    status: 201,
    headers: { Location: `/v2/${repository}/blobs/${digest}`, 'Docker-Content-Digest': digest },
  });

const stateOf = async (call: Call, repository: string, id: string): Promise<UploadState> => {
  const state = await call.services.storage.blobs.upload(id);
  if (state === undefined || state.repository !== repository) throw registryErrors.uploadUnknown({ id });
  return state;
};

const lengthOf = (call: Call): number | undefined => {
  const header = incoming(call.c).headers['content-length'];
  return header === undefined ? undefined : Number(header);
};

/** A chunk must begin where the last one ended; without Content-Range it does by definition. */
const checkRange = (call: Call, state: UploadState): void => {
  const header = incoming(call.c).headers['content-range'];
  if (header === undefined) return;
  const match = /^(?:bytes )?(\d+)-(\d+)(?:\/.*)?$/.exec(header);
  if (match === null) throw registryErrors.uploadInvalid({ reason: 'Content-Range is not START-END' });
  const [start, end] = [Number(match[1]), Number(match[2])];
  if (start !== state.size) throw registryErrors.rangeInvalid({ expected: state.size, found: String(start) });
  const length = lengthOf(call);
  if (length !== undefined && end - start + 1 !== length) {
    throw registryErrors.sizeInvalid({ expected: end - start + 1, actual: length });
  }
};

/** Takes the request's body; a body that is cut stays as far as it came, one that fills the disk goes. */
const takeBody = async (call: Call, state: UploadState): Promise<UploadState> => {
  const { blobs } = call.services.storage;
  if (lengthOf(call) === 0) return state;
  try {
    const body = incoming(call.c).iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    return await blobs.appendUpload(state.id, body);
  } catch (error) {
    if (systemErrors.diskFull.is(toLadeError(error))) await blobs.removeUpload(state.id);
    throw error;
  }
};

const commit = async (call: Call, state: UploadState, digest: Digest): Promise<Response> => {
  const { repository, id } = state;
  const { storage, locks, emit } = call.services;
  await locks.run(digest, async () => {
    const { size } = await storage.blobs.commitUpload(id, digest);
    await storage.metadata.linkBlob(repository, { digest, size });
  });
  emit({ kind: 'blob-pushed', repository, digest, actor: call.identity?.name });
  return answerCreated(call, repository, digest);
};

const mount = async (call: Call, repository: string, digest: Digest): Promise<boolean> => {
  const { storage, locks, emit } = call.services;
  const from = call.query.get('from');
  const mounted = await locks.run(digest, async () => {
    const blob =
      from === null
        ? storage.metadata.knownBlob(digest)
        : storage.metadata.linkedBlob(requireName(from), digest);
    if (blob === undefined) return false;
    await storage.metadata.linkBlob(repository, { digest, size: blob.size });
    return true;
  });
  if (mounted) emit({ kind: 'blob-mounted', repository, digest, actor: call.identity?.name });
  return mounted;
};

const wantedAlgorithm = (call: Call): DigestAlgorithm => {
  const digest = call.query.get('digest');
  if (digest !== null) return algorithmOf(requireDigest(digest));
  const named = call.query.get('digest-algorithm');
  if (named === null || named === 'sha256') return 'sha256';
  if (named === 'sha512') return 'sha512';
  throw registryErrors.digestMalformed({ digest: named });
};

/** POST: mounts, takes a whole blob (`?digest=`), or begins a session. */
export const beginUpload = async (call: Call, repository: string): Promise<Response> => {
  const wanted = call.query.get('mount');
  if (wanted !== null && wanted !== '') {
    const digest = requireDigest(wanted);
    if (await mount(call, repository, digest)) return answerCreated(call, repository, digest);
  }
  const { blobs } = call.services.storage;
  const state = await blobs.createUpload(repository, wantedAlgorithm(call));
  const digest = call.query.get('digest');
  if (digest === null) return answer(call.c, { status: 202, headers: uploadHeaders(state) });
  try {
    const filled = await takeBody(call, state);
    return await commit(call, filled, requireDigest(digest));
  } catch (error) {
    await blobs.removeUpload(state.id);
    throw error;
  }
};

export interface UploadPlace {
  readonly repository: string;
  readonly id: string;
}

/** Runs `work` as the only writer of the session; a refused chunk says where to go on. */
const writing = (
  call: Call,
  { repository, id }: UploadPlace,
  work: (state: UploadState) => Promise<Response>,
): Promise<Response> =>
  call.services.writers.run(id, incoming(call.c), async () => {
    const state = await stateOf(call, repository, id);
    try {
      checkRange(call, state);
      return await work(state);
    } catch (error) {
      if (registryErrors.rangeInvalid.is(error)) {
        for (const [name, value] of Object.entries(uploadHeaders(state))) {
          outgoing(call.c).setHeader(name, value);
        }
      }
      throw error;
    }
  });

/** PATCH: the next bytes. */
export const continueUpload = (call: Call, place: UploadPlace): Promise<Response> =>
  writing(call, place, async (state) => {
    const next = await takeBody(call, state);
    return answer(call.c, { status: 202, headers: uploadHeaders(next) });
  });

/** PUT: the last bytes, if any, then the digest of everything. */
export const finishUpload = (call: Call, place: UploadPlace): Promise<Response> => {
  const digest = requireDigest(call.query.get('digest') ?? '');
  return writing(call, place, async (state) => commit(call, await takeBody(call, state), digest));
};

/** GET: how far it is. */
export const uploadStatus = async (call: Call, { repository, id }: UploadPlace): Promise<Response> => {
  const state = await stateOf(call, repository, id);
  return answer(call.c, { status: 204, headers: uploadHeaders(state) });
};

/** DELETE: gives up. */
export const cancelUpload = async (call: Call, { repository, id }: UploadPlace): Promise<Response> => {
  await stateOf(call, repository, id);
  await call.services.storage.blobs.removeUpload(id);
  return answer(call.c, { status: 204 });
};
