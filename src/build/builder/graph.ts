import { formatPlatform } from '#oci';
import { copyVertex } from './graph-copy.ts';
import { runVertex } from './graph-run.ts';
import {
  byKey,
  chainText,
  NO_LAYERS,
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
    inputs: [byKey(site.below)],
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
  const identity = `${input.scope} ${input.prefix}${planned.outlined.name} FROM`;
  return input.share.take(sourceVertex(id, identity, layers));
};

const assembleStage = (assembly: Assembly, planned: PlannedStage): void => {
  const { input, steps } = assembly;
  const { outlined, baseConfig } = planned;
  const start = startOf(assembly, planned);
  const counts = new Map<string, number>();
  let below = start;
  for (const [position, step] of planned.steps.entries()) {
    if (step.operation === undefined) continue;
    const kind = step.operation.kind;
    const number = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, number);
    const id = `${input.prefix}stage ${outlined.index} step ${position}`;
    const own = input.stepAt(outlined.index, position);
    const identity = `${input.scope} ${input.prefix}${outlined.name} ${kind} ${number}`;
    assembly.names.set(identity, own.name);
    const onBase = below === start && outlined.base.kind !== 'stage';
    const vertex = operationVertex(
      assembly,
      {
        id,
        identity,
        below,
        base: onBase
          ? [
              {
                kind: 'base',
                name: outlined.stage.from.image.value,
                value: chainText(input.bases.get(outlined.index)?.layers ?? NO_LAYERS),
              },
            ]
          : [],
        epoch:
          input.epoch === undefined
            ? []
            : [{ kind: 'setting', name: 'SOURCE_DATE_EPOCH', value: input.epoch }],
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
    names: new Map(),
  };
  for (const planned of input.planned.values()) assembleStage(assembly, planned);
  const { ends, steps, shared, names } = assembly;
  return { ends, steps, shared, names };
};
