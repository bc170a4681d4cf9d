import type { StepResult } from '#cache';
import type { DiffId } from '#oci';
import type { KeyPart } from '#solver';
import { isNumericOwner, runCopy, keyPartsOf, type CopyOperation } from '#steps';
import { countCopy, NOTHING_COUNTED, selectCopy } from './copy-selection.ts';
import {
  byContent,
  byKey,
  NO_LAYERS,
  onto,
  originVertex,
  resultAfter,
  withOrigin,
  type Assembly,
  type BuildVertex,
  type Site,
} from './site.ts';

/** Puts a layer that stands by itself on top of the stage. */
const mergeVertex = (site: Site, linked: BuildVertex): BuildVertex => ({
  id: `${site.id} on its base`,
  step: `${site.identity} merge`,
  inputs: [onto(site.below), byKey(linked)],
  transient: true,
  definition: [],
  execute: ({ inputs }) => {
    const [below, own] = inputs;
    const layers = [...(below?.layers ?? NO_LAYERS), ...(own?.layers ?? NO_LAYERS)];
    return Promise.resolve({ layers, own: own?.own, size: own?.size ?? 0, created: own?.created ?? '' });
  },
});

/** COPY or ADD as a vertex. */
export const copyVertex = (assembly: Assembly, site: Site, operation: CopyOperation): BuildVertex => {
  const { input } = assembly;
  const origin = originVertex(assembly, operation.origin);
  // A name in --chown needs the account files of what is below.
  const alone = operation.link && (operation.chown === undefined || isNumericOwner(operation.chown));
  const copying: CopyOperation = { ...operation, link: alone };
  const inputs = [...(alone ? [] : [onto(site.below)]), ...(origin === undefined ? [] : [byContent(origin)])];
  const tools = alone ? { ...input.tools, clampToNs: site.linked.clampToNs } : input.tools;
  const stepOf = { assembly, site, operation: copying };
  let counted = NOTHING_COUNTED;
  const originLayers = (results: readonly StepResult[]): readonly DiffId[] =>
    origin === undefined ? NO_LAYERS : (results.at(-1)?.layers ?? NO_LAYERS);
  const select = async (results: readonly StepResult[], signal: AbortSignal): Promise<readonly KeyPart[]> => {
    counted = await withOrigin(assembly, copying.origin, originLayers(results), (tree) =>
      countCopy(stepOf, tree, signal),
    );
    return counted.parts;
  };
  const vertex: BuildVertex = {
    id: site.id,
    step: site.identity,
    inputs,
    definition: [
      ...(alone ? site.linked.parts : [...site.base, ...site.epoch]),
      ...keyPartsOf(copying, site.platform),
    ],
    ignoreCache: input.noCache,
    ...(origin === undefined ? { sources: (signal) => select([], signal) } : { contentOf: select }),
    execute: ({ inputs: results, signal }) =>
      withOrigin(assembly, copying.origin, originLayers(results), async (tree) => {
        const below = alone ? NO_LAYERS : (results[0]?.layers ?? NO_LAYERS);
        const selection = await selectCopy(stepOf, counted, signal);
        const request = { operation: copying, selection, tree, below, place: site.place, signal };
        return resultAfter(below, await runCopy(tools, request));
      }),
  };
  return alone ? mergeVertex(site, vertex) : vertex;
};
