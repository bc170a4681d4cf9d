import type { Emit } from '#events';
import type { LayerStatus, LibraryEvent } from './types.ts';

/** At most so many milliseconds between two numbers of one layer. */
const INTERVAL_MS = 100;

/** Reports one layer's states and, not too often, its numbers. */
export interface LayerProgress {
  state(status: LayerStatus): void;
  count(status: LayerStatus, current: number, total: number): void;
}

export const layerProgress = (emit: Emit<LibraryEvent>, id: string): LayerProgress => {
  let last = 0;
  return {
    state: (status) => emit({ kind: 'layer', id, status }),
    count(status, current, total) {
      const now = performance.now();
      if (now - last < INTERVAL_MS && current < total) return;
      last = now;
      emit({ kind: 'layer', id, status, current, total });
    },
  };
};
