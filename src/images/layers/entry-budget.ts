import type { TarEntry } from '#tar';
import { layerErrors } from './errors.ts';

/** Bytes of memory that an entry costs on its way to a form, measured with short names. */
const ENTRY_COST = 700;
const XATTR_COST = 400;
const EXTENT_COST = 64;

const GIB = 2 ** 30;
/** For one layer: about 1.4 million files. */
const LAYER_LIMIT = GIB;
/** For all layers that a thread works on at a time. */
const THREAD_LIMIT = 1.5 * GIB;

const costOf = (entry: TarEntry): number => {
  let cost = ENTRY_COST + 2 * (entry.path.length + entry.linkName.length);
  for (const [name, value] of entry.xattrs) cost += XATTR_COST + name.length + value.length;
  return cost + EXTENT_COST * (entry.sparse?.length ?? 0);
};

let held = 0;

/** Memory for the names and attributes of one layer. Gives back what it took when disposed. */
export interface EntryBudget extends Disposable {
  /** Throws when the layer would need more than it may have. */
  take(entry: TarEntry): void;
}

export const openEntryBudget = (): EntryBudget => {
  let taken = 0;
  return {
    take(entry) {
      const cost = costOf(entry);
      taken += cost;
      held += cost;
      if (taken > LAYER_LIMIT) throw layerErrors.tooManyEntries({ path: entry.path });
      if (held > THREAD_LIMIT) throw layerErrors.tooMuchAtOnce({ path: entry.path });
    },
    [Symbol.dispose]() {
      held -= taken;
      taken = 0;
    },
  };
};
