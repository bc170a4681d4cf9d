import { dirname } from 'node:path';
import { allocatedBytes, type Content } from '#store';
import type { Context } from './context.ts';

/** Bytes that the file system has allocated for this content: what it gets back when the content is deleted. */
export const contentBytes = async (
  { store, layers }: Pick<Context, 'store' | 'layers'>,
  content: Content,
): Promise<number> => {
  let total = 0;
  for (const digest of content.blobs) total += await allocatedBytes(store.blobs.path(digest));
  for (const diffId of content.layers)
    if (layers.info(diffId) !== undefined) total += await allocatedBytes(dirname(layers.tarPath(diffId)));
  return total;
};
