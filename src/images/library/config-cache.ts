import { MAX_CONFIG_BYTES, parseImageConfig, type ImageConfig, type ImageId } from '#oci';
import type { ImageStore } from '#store';

/** Configurations kept parsed; each is a few kilobytes. */
const KEPT = 256;

export interface ConfigCache {
  get(id: ImageId): ImageConfig;
  forget(id: ImageId): void;
}

/** What artifacts have: no file system, no command, no platform. */
const NO_CONFIG: ImageConfig = {
  os: 'unknown',
  architecture: 'unknown',
  config: parseImageConfig(Buffer.from('{"rootfs":{"type":"layers"}}')).config,
  rootfs: { diffIds: [] },
  history: [],
};

/** Parsed configurations, the most recently used kept: content never changes, so neither does the result. */
export const createConfigCache = ({ blobs, images }: Pick<ImageStore, 'images' | 'blobs'>): ConfigCache => {
  const kept = new Map<ImageId, ImageConfig>();
  const read = (id: ImageId): ImageConfig =>
    images.get(id)?.kind === 'artifact'
      ? NO_CONFIG
      : parseImageConfig(blobs.readNow(id, { maxBytes: MAX_CONFIG_BYTES }));
  return {
    get(id) {
      const known = kept.get(id);
      const config = known ?? read(id);
      kept.delete(id);
      kept.set(id, config);
      const [oldest] = kept.keys();
      if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
      return config;
    },
    forget: (id) => void kept.delete(id),
  };
};
