import type { ByteRange } from '#blobs';
import type { Digest } from '#oci';
import type { Call } from './call.ts';
import { sendIncoming } from './pull-through.ts';
import { sendContent } from './send-content.ts';

/** Where the bytes of a blob come from: from here, or from an upstream while they arrive. */
export interface BlobSource extends AsyncDisposable {
  readonly size: number;
  /** Sends a range as the body of the answer; `begin` sends the head, once the bytes can be had. */
  send(range: ByteRange, begin: () => void): Promise<void>;
}

const nothing = async (): Promise<void> => undefined;

const stored = ({ services, response }: Call, digest: Digest, size: number): BlobSource => ({
  size,
  send: async (range, begin) => {
    await using content = await services.storage.blobs.open(digest, range);
    begin();
    await sendContent(response, content);
  },
  [Symbol.asyncDispose]: nothing,
});

const fromUpstream = async (
  call: Call,
  place: { readonly repository: string; readonly digest: Digest },
): Promise<BlobSource | undefined> => {
  const { upstreams, storage } = call.services;
  if (upstreams?.covers(place.repository) !== true) return undefined;
  const request = { ...place, caller: call.caller, cause: call.cause };
  if (call.method === 'HEAD') {
    const size = await upstreams.blobSize(request);
    return size === undefined ? undefined : { size, send: nothing, [Symbol.asyncDispose]: nothing };
  }
  const incoming = await upstreams.openBlob(request);
  if (incoming !== undefined) {
    return {
      size: incoming.size,
      send: async (range, begin) => {
        begin();
        await sendIncoming(call.response, incoming, range);
      },
      [Symbol.asyncDispose]: () => incoming[Symbol.asyncDispose](),
    };
  }
  const linked = storage.metadata.contents.linkedBlob(place.repository, place.digest);
  return linked === undefined ? undefined : stored(call, place.digest, linked.size);
};

/** A blob that the repository links, or that its upstream has. */
export const findBlob = async (
  call: Call,
  place: { readonly repository: string; readonly digest: Digest },
): Promise<BlobSource | undefined> => {
  const { upstreams, storage } = call.services;
  const linked = storage.metadata.contents.linkedBlob(place.repository, place.digest);
  if (linked === undefined) return fromUpstream(call, place);
  if (upstreams?.covers(place.repository) === true) upstreams.blobHit(place.repository);
  return stored(call, place.digest, linked.size);
};
