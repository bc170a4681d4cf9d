import { systemErrors, toLadeError } from '#errors';
import { blobErrors, type UploadState } from '#blobs';
import { chunksOf, releaseChunk } from '#http';
import { metadataErrors, requireDigest, requireName } from '#metadata';
import { algorithmOf, type Digest, type DigestAlgorithm } from '#oci';
import { answer } from './answers.ts';
import type { Call } from './call.ts';
import { protocolErrors } from './errors.ts';

const rangeOf = ({ size }: UploadState): string => `0-${Math.max(0, size - 1)}`;

const uploadHeaders = (state: UploadState) => ({
  Location: `/v2/${state.repository}/blobs/uploads/${state.id}`,
  Range: rangeOf(state),
  'Docker-Upload-UUID': state.id,
});

const answerCreated = (call: Call, repository: string, digest: Digest): void =>
  answer(call, {
    status: 201,
    headers: { Location: `/v2/${repository}/blobs/${digest}`, 'Docker-Content-Digest': digest },
  });

const stateOf = async (call: Call, repository: string, id: string): Promise<UploadState> => {
  const state = await call.services.storage.blobs.upload(id);
  if (state === undefined || state.repository !== repository) throw blobErrors.uploadUnknown({ id });
  return state;
};

const removeUpload = async ({ services }: Call, id: string): Promise<void> => {
  await services.storage.blobs.removeUpload(id);
  services.allowance.release(id);
};

const lengthOf = (call: Call): number | undefined => {
  const header = call.request.headers['content-length'];
  return header === undefined ? undefined : Number(header);
};

/** A chunk must begin where the last one ended; without Content-Range it does by definition. */
const checkRange = (call: Call, state: UploadState): void => {
  const header = call.request.headers['content-range'];
  if (header === undefined) return;
  const match = /^(?:bytes )?(\d+)-(\d+)(?:\/.*)?$/.exec(header);
  if (match === null) throw protocolErrors.uploadInvalid({ reason: 'Content-Range is not START-END' });
  const [start, end] = [Number(match[1]), Number(match[2])];
  if (start !== state.size) throw protocolErrors.rangeInvalid({ expected: state.size, found: String(start) });
  const length = lengthOf(call);
  if (end < start || (length !== undefined && end - start + 1 !== length)) {
    throw protocolErrors.sizeInvalid({ expected: end - start + 1, actual: length ?? 0 });
  }
};

/** Bytes that Content-Range says the request brings. */
const chunkLength = (call: Call): number | undefined => {
  const match = /(\d+)-(\d+)/.exec(call.request.headers['content-range'] ?? '');
  return match === null ? undefined : Number(match[2]) - Number(match[1]) + 1;
};

/** A body of unknown length may end before its Content-Range does; what came of it stays and counts. */
const requireWholeChunk = (call: Call, before: UploadState, after: UploadState): void => {
  const expected = chunkLength(call);
  const actual = after.size - before.size;
  if (expected !== undefined && actual < expected) throw protocolErrors.sizeInvalid({ expected, actual });
};

/** Bytes that the request may bring: what its Content-Range says, and what fits into a blob. */
const bodyLimit = (call: Call, { size }: UploadState): { readonly bytes: number; readonly excess: Error } => {
  const { blobBytes } = call.services;
  const chunk = chunkLength(call) ?? Infinity;
  const excess =
    chunk < blobBytes - size
      ? protocolErrors.sizeInvalid({ expected: chunk, actual: chunk + 1 })
      : protocolErrors.blobTooLarge({ limit: blobBytes });
  return { bytes: Math.min(chunk, blobBytes - size), excess };
};

/** The chunks of a body of unknown length, until there are more of them than may be. */
async function* bounded(
  body: AsyncIterable<Buffer>,
  { bytes, excess }: { readonly bytes: number; readonly excess: Error },
): AsyncGenerator<Buffer, void, undefined> {
  let left = bytes;
  for await (const chunk of body) {
    left -= chunk.length;
    if (left < 0) throw excess;
    yield chunk;
  }
}

const ALLOWANCE_STEP = 1024 * 1024;

/** The chunks of a body of unknown length, as far as quotas allow. */
async function* allowed(
  body: AsyncIterable<Buffer>,
  { services }: Call,
  state: UploadState,
): AsyncGenerator<Buffer, void, undefined> {
  let [size, held] = [state.size, state.size];
  for await (const chunk of body) {
    size += chunk.length;
    if (size >= held) {
      await services.allowance.reserve(state, size);
      held = size + ALLOWANCE_STEP;
    }
    yield chunk;
  }
}

/** Takes the request's body; a body that is cut stays as far as it came, one that fills the disk goes. */
const takeBody = async (call: Call, state: UploadState): Promise<UploadState> => {
  const { blobs } = call.services.storage;
  const length = lengthOf(call);
  if (length === 0) return state;
  const limit = bodyLimit(call, state);
  if (length !== undefined && length > limit.bytes) throw limit.excess;
  const { allowance } = call.services;
  await allowance.reserve(state, state.size + (length ?? 0));
  try {
    const body = chunksOf(call.request, { keep: true });
    const within = length === undefined ? allowed(body, call, state) : body;
    const source = limit.bytes === Infinity ? within : bounded(within, limit);
    const next = await blobs.appendUpload(state.id, source, { used: releaseChunk });
    requireWholeChunk(call, state, next);
    return next;
  } catch (error) {
    if (systemErrors.diskFull.is(toLadeError(error)) || metadataErrors.quotaExceeded.is(error))
      await removeUpload(call, state.id);
    throw error;
  } finally {
    allowance.rest(state.id);
  }
};

const commit = async (call: Call, state: UploadState, digest: Digest): Promise<void> => {
  const { repository, id } = state;
  const { storage } = call.services;
  await storage.locks.run(digest, async () => {
    const { size } = await storage.blobs.commitUpload(id, digest);
    call.services.allowance.release(id);
    const { cause } = call;
    await storage.metadata.contents.linkBlob({ repository, digest, size, how: 'push', cause });
  });
  return answerCreated(call, repository, digest);
};

/** The repository whose blob is mounted: the one that is named, or any that the caller may pull from. */
const mountSource = (call: Call, digest: Digest): string | undefined => {
  const { contents } = call.services.storage.metadata;
  const from = call.query.get('from');
  const mayPull = (name: string): boolean => call.caller.may('pull', name);
  if (from === null) return contents.linkingRepository(digest, mayPull);
  const named = requireName(from);
  return mayPull(named) ? named : undefined;
};

const mount = (call: Call, repository: string, digest: Digest): Promise<boolean> => {
  const { storage, protection } = call.services;
  const { contents } = storage.metadata;
  return storage.locks.run(digest, async () => {
    await protection?.promised(repository, digest);
    const source = mountSource(call, digest);
    const blob = source === undefined ? undefined : contents.linkedBlob(source, digest);
    if (blob === undefined) return false;
    const link = {
      repository,
      digest,
      size: blob.size,
      how: 'mount',
      from: source,
      cause: call.cause,
    } as const;
    await contents.linkBlob(link);
    return true;
  });
};

const wantedAlgorithm = (call: Call): DigestAlgorithm => {
  const digest = call.query.get('digest');
  if (digest !== null) return algorithmOf(requireDigest(digest));
  const named = call.query.get('digest-algorithm');
  if (named === null || named === 'sha256') return 'sha256';
  if (named === 'sha512') return 'sha512';
  throw metadataErrors.digestMalformed({ digest: named });
};

/** POST: mounts, takes a whole blob (`?digest=`), or begins a session. */
export const beginUpload = async (call: Call, repository: string): Promise<void> => {
  const wanted = call.query.get('mount');
  if (wanted !== null && wanted !== '') {
    const digest = requireDigest(wanted);
    if (await mount(call, repository, digest)) return answerCreated(call, repository, digest);
  }
  const { blobs } = call.services.storage;
  const state = await blobs.createUpload(repository, wantedAlgorithm(call));
  const digest = call.query.get('digest');
  if (digest === null) return answer(call, { status: 202, headers: uploadHeaders(state) });
  try {
    const filled = await takeBody(call, state);
    return await commit(call, filled, requireDigest(digest));
  } catch (error) {
    await removeUpload(call, state.id);
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
  work: (state: UploadState) => Promise<void>,
): Promise<void> =>
  call.services.writers.run(id, call.request, async () => {
    const state = await stateOf(call, repository, id);
    try {
      checkRange(call, state);
      return await work(state);
    } catch (error) {
      if (protocolErrors.rangeInvalid.is(error)) {
        for (const [name, value] of Object.entries(uploadHeaders(state))) {
          call.response.setHeader(name, value);
        }
      }
      throw error;
    }
  });

/** PATCH: the next bytes. */
export const continueUpload = (call: Call, place: UploadPlace): Promise<void> =>
  writing(call, place, async (state) => {
    const next = await takeBody(call, state);
    return answer(call, { status: 202, headers: uploadHeaders(next) });
  });

/** PUT: the last bytes, if any, then the digest of everything. */
export const finishUpload = (call: Call, place: UploadPlace): Promise<void> => {
  const digest = requireDigest(call.query.get('digest') ?? '');
  return writing(call, place, async (state) => commit(call, await takeBody(call, state), digest));
};

/** GET: how far it is. */
export const uploadStatus = async (call: Call, { repository, id }: UploadPlace): Promise<void> => {
  const state = await stateOf(call, repository, id);
  return answer(call, { status: 204, headers: uploadHeaders(state) });
};

/** DELETE: gives up. */
export const cancelUpload = async (call: Call, { repository, id }: UploadPlace): Promise<void> => {
  await stateOf(call, repository, id);
  await call.services.writers.run(id, call.request, () => removeUpload(call, id));
  return answer(call, { status: 204 });
};
