/** Contents in memory, the latest used of them, up to a number of bytes. */
export interface BytesCache {
  get(key: string): Uint8Array | undefined;
  set(key: string, bytes: Uint8Array): void;
  delete(key: string): void;
}

export const createBytesCache = (maxBytes: number): BytesCache => {
  /** The longest unused first. */
  const kept = new Map<string, Uint8Array>();
  let total = 0;
  const drop = (key: string): void => {
    total -= kept.get(key)?.length ?? 0;
    kept.delete(key);
  };
  return {
    get: (key) => {
      const bytes = kept.get(key);
      if (bytes === undefined) return undefined;
      kept.delete(key);
      kept.set(key, bytes);
      return bytes;
    },
    set: (key, bytes) => {
      drop(key);
      if (bytes.length > maxBytes) return;
      kept.set(key, bytes);
      total += bytes.length;
      for (const oldest of kept.keys()) {
        if (total <= maxBytes) return;
        drop(oldest);
      }
    },
    delete: drop,
  };
};
