import type { Collected, Content, Deletion, ImageStore } from '#store';
import type { Context } from './context.ts';
import { contentBytes } from './content-bytes.ts';

export interface RemovalOptions {
  /** What was asked for: `rmi shop/web`. */
  readonly cause: string;
  /** Frees at once: nothing can be undone. */
  readonly purge: boolean;
}

/** One removal, of one image or of many, that is undone as a whole. */
export interface Removing {
  /**
   * For one image at a time: what is removed in it goes into the deletion, and `collect` looks only at what lost a name
   * in it since the last time.
   */
  context(): Context;
  readonly deletion: Deletion | undefined;
  /** Bytes that the file system got back, once it has. */
  freed(): Promise<number>;
  /** Bytes on disk of what is kept only so that this can be undone. */
  held(): Promise<number>;
}

interface Seen {
  readonly blobs: Set<Content['blobs'][number]>;
  readonly layers: Set<Content['layers'][number]>;
}

const nothingSeen = (): Seen => ({ blobs: new Set(), layers: new Set() });

const contentOf = ({ blobs, layers }: Seen): Content => ({ blobs: [...blobs], layers: [...layers] });

const deletingImages = (
  images: ImageStore['images'],
  deletion: Deletion | undefined,
  noted: readonly Seen[],
): ImageStore['images'] => ({
  ...images,
  untag: (reference) => images.untag(reference, { deletion }),
  async remove(id, options = {}) {
    const { blobs, layers } = images.content(id);
    await images.remove(id, { ...options, deletion });
    for (const seen of noted) {
      for (const digest of blobs) seen.blobs.add(digest);
      for (const diffId of layers) seen.layers.add(diffId);
    }
  },
});

/** Bytes of content that nothing but a deletion keeps. */
const heldBytes = (context: Context, content: Content): Promise<number> => {
  const owners = context.store.space.ownership();
  const kept = (keeping: { images: readonly unknown[]; holders: readonly string[] } | undefined): boolean =>
    keeping !== undefined && keeping.images.length === 0 && keeping.holders.every((kind) => kind === 'undo');
  return contentBytes(context, {
    blobs: content.blobs.filter((digest) => kept(owners.blobs.get(digest))),
    layers: content.layers.filter((diffId) => kept(owners.layers.get(diffId))),
  });
};

/** Begins a removal. Without time to undo it in, or with `purge`, content is collected as it loses its names. */
export const beginRemoval = (context: Context, { cause, purge }: RemovalOptions): Removing => {
  const { store } = context;
  const keepMs = purge ? 0 : (context.keepDeletedMs?.() ?? 0);
  const deletion = keepMs > 0 ? store.deletions.begin({ cause, keepMs }) : undefined;
  const all = nothingSeen();
  const collections: Collected[] = [];
  const collect = async (fresh: Seen): Promise<Collected> => {
    const content = contentOf(fresh);
    fresh.blobs.clear();
    fresh.layers.clear();
    if (deletion === undefined) {
      const collected = await context.collect({ only: content });
      collections.push(collected);
      return collected;
    }
    const mounted = new Set(context.layers.snapshots().flatMap((snapshot) => snapshot.layers));
    const layers = store.images.unneeded(content.layers).filter((diffId) => !mounted.has(diffId));
    return { blobs: [], layers, freed: async () => 0 };
  };
  return {
    deletion,
    context() {
      const fresh = nothingSeen();
      const images = deletingImages(store.images, deletion, [all, fresh]);
      return { ...context, collect: () => collect(fresh), store: { ...store, images } };
    },
    async freed() {
      let total = 0;
      for (const collected of collections) total += await collected.freed();
      return total;
    },
    held: async () => (deletion === undefined ? 0 : await heldBytes(context, contentOf(all))),
  };
};
