import { MAX_CONFIG_BYTES, parseImageConfig, type ImageConfig, type ImageId } from '#oci';
import type { BlobStore } from '#store';

/** Configurations kept parsed; each is a few kilobytes. */
const KEPT = 256;

export interface ConfigCache {
  get(id: ImageId): ImageConfig;
  forget(id: ImageId): void;
}

/** Parsed configurations, the most recently used kept: content never changes, so neither does the result. */
export const createConfigCache = (blobs: Pick<BlobStore, 'readNow'>): ConfigCache => {
  const kept = new Map<ImageId, ImageConfig>();
  return {
    get(id) {
      const known = kept.get(id);
      const config = known ?? parseImageConfig(blobs.readNow(id, { maxBytes: MAX_CONFIG_BYTES }));
      kept.delete(id);
      kept.set(id, config);
      const [oldest] = kept.keys();
      if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
      return config;
    },
    forget: (id) => void kept.delete(id),
  };
};
