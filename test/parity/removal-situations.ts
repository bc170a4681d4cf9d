import { PRUNES } from './prunes.ts';
import { BESIDE_CONTAINERS } from './removals-beside-containers.ts';
import { BY_NAME } from './removals-by-name.ts';
import { OF_PULLED } from './removals-of-pulled.ts';
import { OF_SHARED_LAYERS } from './removals-of-shared-layers.ts';

/**
 * What happens to images before and while they are removed: a name, then steps (engine.ts says what each does). Never
 * more than one image is to be pruned at once: dockerd goes through a map, in no order.
 */
export const REMOVALS: Readonly<Record<string, readonly string[]>> = {
  ...BY_NAME,
  ...BESIDE_CONTAINERS,
  ...OF_SHARED_LAYERS,
  ...OF_PULLED,
  ...PRUNES,
};
