import type { StepResult } from '#cache';
import type { KeyPart } from '#solver';
import { locate, selectFiles } from '#sources';
import type { FileOrigin, LayeredMount } from '#steps';
import { NO_LAYERS, withOrigin, type Assembly, type Site } from './site.ts';

/** A mount that shows files of a stage or an image. */
export interface StageMount {
  readonly mount: LayeredMount;
  readonly origin: FileOrigin;
}

interface Counting {
  readonly assembly: Assembly;
  readonly site: Site;
  readonly signal: AbortSignal;
}

/**
 * What counts of one mount: the files it shows, never their times, as with BuildKit. Of a whole root it is the layers,
 * which say the same and are known without a look at its files.
 */
const countMount = (
  { assembly, site, signal }: Counting,
  { mount, origin }: StageMount,
  { layers }: Pick<StepResult, 'layers'>,
): Promise<readonly KeyPart[]> =>
  withOrigin(assembly, origin, layers, async (tree) => {
    const named = `${mount.from ?? ''}:`;
    const { path, stats } = locate(tree.root, mount.source);
    if (path === '' || stats === undefined)
      return [{ kind: 'file', name: `${named}${mount.source}`, value: layers.join(' ') }];
    const request = { tree, excludes: [], parents: false, chmod: undefined, place: site.place, signal };
    const { parts } = await selectFiles({ ...request, literal: true, sources: [path] });
    return parts.map((part) => ({ ...part, name: `${named}/${part.name}` }));
  });

/** What counts of the stages and images that a step mounts, whose results these are. */
export const countStageMounts = async (
  counting: Counting,
  mounts: readonly StageMount[],
  results: readonly StepResult[],
): Promise<readonly KeyPart[]> => {
  const parts: KeyPart[] = [];
  for (const [index, mount] of mounts.entries())
    parts.push(...(await countMount(counting, mount, results[index] ?? { layers: NO_LAYERS })));
  return parts;
};
