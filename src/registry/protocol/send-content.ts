import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { BlobContent } from '#blobs';
import { sendRegion } from '#http';

/** Sends content as the body of an answer whose head is written; a failure cuts the connection. Never rejects. */
export const sendContent = async (response: ServerResponse, content: BlobContent): Promise<void> => {
  if (content.kind === 'bytes') return void response.end(content.bytes);
  if (content.kind === 'region') return await sendRegion(response, content.region);
  try {
    await pipeline(content.stream, response);
  } catch {
    // A cut connection tells the client what a short answer would hide.
    response.destroy();
  }
};
