import { formatPlatform } from '#oci';
import type { KeyPart } from '#solver';
import { copyVertex } from './graph-copy.ts';
import { runVertex } from './graph-run.ts';
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
} from './graph-site.ts';
import { type PlannedStep, runWorkdir, keyPartsOf } from '#steps';
import { placeOf } from './outline.ts';
import type { PlannedStage } from './plan.ts';

export type { Graph } from './graph-site.ts';

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

/** What the first step of a stage stands on. Only its layers count, not how it is called. */
const basePart = ({ input }: Assembly, { outlined }: PlannedStage): KeyPart => {
  const base = input.bases.get(outlined.index);
  const name = outlined.base.kind === 'image' ? outlined.base.reference : 'scratch';
  const shown = base === undefined ? name : `${name} (${base.id})`;
  return { kind: 'base', name: 'layers', value: chainText(base?.layers ?? NO_LAYERS), shown };
};

const NS_PER_SECOND = 1_000_000_000n;

const epochPart = (ns: string): KeyPart => ({
  kind: 'setting',
  name: 'SOURCE_DATE_EPOCH',
  value: ns,
  shown: String(BigInt(ns) / NS_PER_SECOND),
});

/** The same graph for the steps of one stage, which may have to be built anew. */
const forStage = (assembly: Assembly, { outlined }: PlannedStage): Assembly => {
  const { noCache, noCacheStages } = assembly.input;
  const named = noCacheStages.has(outlined.name.toLowerCase()) || noCacheStages.has(String(outlined.index));
  return named && !noCache ? { ...assembly, input: { ...assembly.input, noCache: true } } : assembly;
};

const assembleStage = (whole: Assembly, planned: PlannedStage): void => {
  const assembly = forStage(whole, planned);
  const { input, steps } = assembly;
  const { outlined, baseConfig } = planned;
  const start = startOf(assembly, planned);
  let below = start;
  for (const [position, step] of planned.steps.entries()) {
    if (step.operation === undefined) continue;
    const id = `${input.prefix}stage ${outlined.index} step ${position}`;
    const own = input.stepAt(outlined.index, position);
    const identity = input.identities.of(outlined.index, position);
    const onBase = below === start && outlined.base.kind !== 'stage';
    const vertex = operationVertex(
      assembly,
      {
        id,
        identity,
        below,
        base: onBase ? [basePart(assembly, planned)] : [],
        epoch: input.epoch === undefined ? [] : [epochPart(input.epoch)],
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
  }
  assembly.ends.set(outlined.index, below);
};

/** Turns planned stages into vertices. */
export const toGraph = (input: GraphInput): Graph => {
  const assembly: Assembly = {
    input,
    ends: new Map(),
    images: new Map(),
    steps: new Map(),
    shared: new Map(),
  };
  for (const planned of input.planned.values()) assembleStage(assembly, planned);
  const { ends, steps, shared } = assembly;
  return { ends, steps, shared, identities: input.identities };
};
