import { placeOf, type Pieces } from '#dockerfile';
import { formatPlatform } from '#oci';
import type { PlannedStage } from '#plan';
import type { KeyPart } from '#solver';
import { runWorkdir, keyPartsOf, type PlannedStep } from '#steps';
import { copyVertex } from './copy.ts';
import { runVertex } from './run.ts';
import {
  chainText,
  NO_LAYERS,
  onto,
  resultAfter,
  sourceVertex,
  type Assembly,
  type BuildVertex,
  type Graph,
  type GraphInput,
  type Site,
} from './site.ts';

export type { Graph } from './site.ts';

const operationVertex = (assembly: Assembly, site: Site, step: PlannedStep): BuildVertex => {
  const { operation } = step;
  if (operation === undefined) return site.below;
  if (operation.kind === 'copy') return copyVertex(assembly, site, operation);
  if (operation.kind === 'run') return runVertex(assembly, site, operation);
  const { tools, noCache } = assembly.input;
  return {
    id: site.id,
    step: site.identity,
    inputs: [onto(site.below)],
    definition: [...site.base, ...site.epoch, ...keyPartsOf(operation, site.platform)],
    ignoreCache: noCache,
    execute: async ({ inputs, signal }) => {
      const below = inputs[0]?.layers ?? NO_LAYERS;
      return resultAfter(below, await runWorkdir(tools, { operation, below, place: site.place, signal }));
    },
  };
};

const startOf = (assembly: Assembly, planned: PlannedStage): BuildVertex => {
  const { input, ends, steps } = assembly;
  const { base, index } = planned.outlined;
  const id = `${input.prefix}stage ${index}`;
  steps.set(id, { step: input.stepAt(index, -1), stage: index, position: -1 });
  const below = base.kind === 'stage' ? ends.get(base.stage) : undefined;
  if (below !== undefined) return below;
  const layers = input.bases.get(index)?.layers ?? NO_LAYERS;
  return input.share.take(sourceVertex(id, input.identities.of(index, -1), layers));
};

/** What the first step on a base stands on. Its layers count, and its time where times are clamped to it; not its name. */
const basePart = ({ input }: Assembly, planned: PlannedStage): KeyPart => {
  const { outlined } = planned;
  const base = input.bases.get(outlined.index);
  const layers = chainText(base?.layers ?? NO_LAYERS);
  const name = outlined.base.kind === 'image' ? outlined.base.reference : 'scratch';
  const shown = base === undefined ? name : `${name} (${base.id})`;
  return { kind: 'base', name: 'layers', value: `${layers} ${input.epochs.of(planned).ofBase}`, shown };
};

/** The same graph for the steps of one stage: its times, and whether it has to be built anew. */
const forStage = (assembly: Assembly, planned: PlannedStage): Assembly => {
  const { outlined } = planned;
  const { noCacheStages, epochs, tools } = assembly.input;
  const named = noCacheStages.has(outlined.name.toLowerCase()) || noCacheStages.has(String(outlined.index));
  const noCache = assembly.input.noCache || named;
  const { clampToNs } = epochs.of(planned);
  return { ...assembly, input: { ...assembly.input, noCache, tools: { ...tools, clampToNs } } };
};

function* assembleStage(whole: Assembly, planned: PlannedStage): Pieces<void> {
  const assembly = forStage(whole, planned);
  const { input, steps } = assembly;
  const { outlined, baseConfig } = planned;
  const start = startOf(assembly, planned);
  // Stages without steps may lie between this one and the base.
  const ground = outlined.base.kind === 'stage' ? assembly.grounds.get(start) : planned;
  if (ground !== undefined) assembly.grounds.set(start, ground);
  const epoch = input.epochs.of(planned);
  let below = start;
  for (const [position, step] of planned.steps.entries()) {
    if (step.operation === undefined) continue;
    const id = `${input.prefix}stage ${outlined.index} step ${position}`;
    const own = input.stepAt(outlined.index, position);
    const identity = input.identities.of(outlined.index, position);
    const onBase = below === start ? ground : undefined;
    const vertex = operationVertex(
      assembly,
      {
        id,
        identity,
        below,
        base: onBase === undefined ? [] : [basePart(assembly, onBase)],
        epoch: epoch.parts,
        linked: input.epochs.linked(planned),
        place: placeOf(input.file, step.range),
        step: own,
        platform: formatPlatform(baseConfig),
        planned,
      },
      step,
    );
    below = input.share.take(vertex, step);
    const alias = input.share.aliasOf(id);
    const placed = { step: own, stage: outlined.index, position };
    if (alias === undefined) steps.set(id, placed);
    else assembly.shared.set(alias, placed);
    yield;
  }
  assembly.ends.set(outlined.index, below);
}

/** Turns planned stages into vertices, in pieces. */
export function* toGraph(input: GraphInput): Pieces<Graph> {
  const assembly: Assembly = {
    input,
    ends: new Map(),
    images: new Map(),
    grounds: new Map(),
    steps: new Map(),
    shared: new Map(),
  };
  for (const planned of input.planned.values()) {
    yield* assembleStage(assembly, planned);
    yield;
  }
  const { ends, steps, shared } = assembly;
  return { ends, steps, shared, identities: input.identities };
}
