import { createHash } from 'node:crypto';
import type { LayerInfo } from '#layers';
import { formatPlatform, type DiffId } from '#oci';
import type { KeyPart, Vertex, VertexInput } from '#solver';
import type { BaseImage } from './base-images.ts';
import type { StepResult } from './cache.ts';
import { builderErrors } from './errors.ts';
import { createPlainDigests } from './file-digests.ts';
import { parseModeChange } from './file-mode.ts';
import type { FileTree } from './file-tree.ts';
import type { CopyOperation, FileOrigin, PlannedStep, RunOperation } from './operations.ts';
import { originOf, placeOf } from './outline.ts';
import type { PlannedStage } from './plan.ts';
import { runCopy, runWorkdir, type StepPlace } from './run-copy.ts';
import { runProcess, type RunSurroundings, type RunTools } from './run-process.ts';
import { selectFiles, type Selection } from './select-files.ts';
import { partsOf } from './step-parts.ts';
import type { BuildStep } from './types.ts';
import type { Dockerfile, RunMount } from '#dockerfile';

/** One step that touches files, as a vertex; its place in the file and in progress. */
export interface GraphStep {
  readonly step: BuildStep;
  readonly stage: number;
  /** Index in the stage; -1 for FROM. */
  readonly position: number;
}

export interface GraphInput {
  readonly file: Dockerfile;
  readonly planned: ReadonlyMap<number, PlannedStage>;
  /** By stage index. */
  readonly bases: ReadonlyMap<number, BaseImage>;
  /** Images of COPY --from and --mount=from, by reference. */
  readonly images: ReadonlyMap<string, BaseImage>;
  readonly context: FileTree;
  readonly tools: RunTools;
  readonly surroundings: RunSurroundings;
  /** Tells builds apart when misses are explained. */
  readonly scope: string;
  readonly noCache: boolean;
  /** Times in layers are clamped to this (SOURCE_DATE_EPOCH). */
  readonly epoch: string | undefined;
  /** The progress step of an instruction, or of FROM (-1). */
  readonly stepAt: (stage: number, position: number) => BuildStep;
  readonly onOutput: (step: BuildStep, stream: 'stdout' | 'stderr', data: Buffer) => void;
}

export type BuildVertex = Vertex<StepResult>;

export interface Graph {
  /** The last vertex of each stage. */
  readonly ends: ReadonlyMap<number, BuildVertex>;
  readonly steps: ReadonlyMap<string, GraphStep>;
  /** Progress names by step identity. */
  readonly names: ReadonlyMap<string, string>;
}

const NO_LAYERS: readonly DiffId[] = [];

const chainText = (layers: readonly DiffId[]): string =>
  createHash('sha256').update(layers.join(' ')).digest('hex').slice(0, 24);

const resultAfter = (below: readonly DiffId[], made: LayerInfo | undefined): StepResult => ({
  layers: made === undefined ? below : [...below, made.diffId],
  own: made?.diffId,
  size: made?.size ?? 0,
  created: new Date().toISOString(),
});

/** State of one graph while it is put together. */
interface Assembly {
  readonly input: GraphInput;
  readonly ends: Map<number, BuildVertex>;
  readonly images: Map<string, BuildVertex>;
  readonly steps: Map<string, GraphStep>;
  readonly names: Map<string, string>;
}

const sourceVertex = (id: string, step: string, layers: readonly DiffId[]): BuildVertex => ({
  id,
  step,
  inputs: [],
  transient: true,
  definition: [{ kind: 'base', name: 'layers', value: layers.join(' ') }],
  execute: () => Promise.resolve({ layers, own: undefined, size: 0, created: '' }),
});

const imageVertex = (assembly: Assembly, reference: string): BuildVertex => {
  const known = assembly.images.get(reference);
  if (known !== undefined) return known;
  const layers = assembly.input.images.get(reference)?.layers ?? NO_LAYERS;
  const vertex = sourceVertex(`image ${reference}`, `image ${reference}`, layers);
  assembly.images.set(reference, vertex);
  return vertex;
};

/** The vertex whose files an origin means; undefined for the context. */
const originVertex = (assembly: Assembly, origin: FileOrigin): BuildVertex | undefined => {
  if (origin.kind === 'context') return undefined;
  return origin.kind === 'stage' ? assembly.ends.get(origin.stage) : imageVertex(assembly, origin.reference);
};

/** Where a step stands: what it builds on, and how errors and progress call it. */
interface Site {
  readonly id: string;
  readonly identity: string;
  readonly below: BuildVertex;
  /** Base layers of the stage, for the reason "the base changed"; only where the step stands directly on them. */
  readonly base: readonly KeyPart[];
  readonly epoch: readonly KeyPart[];
  readonly place: StepPlace;
  readonly step: BuildStep;
  readonly platform: string;
  readonly planned: PlannedStage;
}

const labelOf = (assembly: Assembly, origin: FileOrigin): string => {
  if (origin.kind === 'image') return `the image ${origin.reference}`;
  if (origin.kind === 'context') return assembly.input.context.label;
  return `the stage ${assembly.input.planned.get(origin.stage)?.outlined.name ?? origin.stage}`;
};

/** Opens the files of a stage or an image for the time of `use`. */
const withOrigin = async <T>(
  assembly: Assembly,
  origin: FileOrigin,
  layers: readonly DiffId[],
  use: (tree: FileTree) => Promise<T>,
): Promise<T> => {
  const { context, tools } = assembly.input;
  if (origin.kind === 'context') return use(context);
  await using view = await tools.layers.mountReadOnly(layers);
  const root = view.path;
  const digests = createPlainDigests(root);
  return await use({ root, label: labelOf(assembly, origin), digests, ignore: undefined, keepsOwners: true });
};

const selectionFor = (
  site: Site,
  operation: CopyOperation,
  tree: FileTree,
  signal: AbortSignal,
): Promise<Selection> => {
  const { sources, excludes, parents, chmod } = operation;
  const change = chmod === undefined || chmod === '' ? undefined : parseModeChange(chmod);
  if (chmod !== undefined && chmod !== '' && change === undefined) {
    const problem = `invalid --chmod "${chmod}"`;
    const advice = 'give octal digits such as 755, or symbols such as u=rwX,go=rX';
    throw builderErrors.badInstruction({ problem, advice, ...site.place });
  }
  return selectFiles({ tree, sources, excludes, parents, chmod: change, place: site.place, signal });
};

const byKey = (vertex: BuildVertex): VertexInput<StepResult> => ({ vertex, by: 'key' });
const byContent = (vertex: BuildVertex): VertexInput<StepResult> => ({ vertex, by: 'content' });

/** Puts a layer that stands by itself on top of the stage. */
const mergeVertex = (site: Site, linked: BuildVertex): BuildVertex => ({
  id: `${site.id} on its base`,
  step: `${site.identity} merge`,
  inputs: [byKey(site.below), byKey(linked)],
  transient: true,
  definition: [],
  execute: ({ inputs }) => {
    const [below, own] = inputs;
    const layers = [...(below?.layers ?? NO_LAYERS), ...(own?.layers ?? NO_LAYERS)];
    return Promise.resolve({ layers, own: own?.own, size: own?.size ?? 0, created: own?.created ?? '' });
  },
});

const copyVertex = (assembly: Assembly, site: Site, operation: CopyOperation): BuildVertex => {
  const { input } = assembly;
  const origin = originVertex(assembly, operation.origin);
  // A name in --chown needs the account files of what is below.
  const alone = operation.link && (operation.chown === undefined || /^[\d:]*$/u.test(operation.chown));
  const copying: CopyOperation = { ...operation, link: alone };
  const inputs = [
    ...(alone ? [] : [byKey(site.below)]),
    ...(origin === undefined ? [] : [byContent(origin)]),
  ];
  let selection: Selection | undefined;
  const originLayers = (results: readonly StepResult[]): readonly DiffId[] =>
    origin === undefined ? NO_LAYERS : (results.at(-1)?.layers ?? NO_LAYERS);
  const select = async (results: readonly StepResult[], signal: AbortSignal): Promise<readonly KeyPart[]> => {
    selection = await withOrigin(assembly, copying.origin, originLayers(results), (tree) =>
      selectionFor(site, copying, tree, signal),
    );
    return selection.parts;
  };
  const vertex: BuildVertex = {
    id: site.id,
    step: site.identity,
    inputs,
    definition: [...(alone ? [] : site.base), ...site.epoch, ...partsOf(copying, site.platform)],
    ignoreCache: input.noCache,
    ...(origin === undefined ? { sources: (signal) => select([], signal) } : { contentOf: select }),
    execute: ({ inputs: results, signal }) =>
      withOrigin(assembly, copying.origin, originLayers(results), async (tree) => {
        const below = alone ? NO_LAYERS : (results[0]?.layers ?? NO_LAYERS);
        const chosen = selection ?? { sources: [], parts: [] };
        const request = { operation: copying, selection: chosen, tree, below, place: site.place, signal };
        return resultAfter(below, await runCopy(input.tools, request));
      }),
  };
  return alone ? mergeVertex(site, vertex) : vertex;
};

type BindMount = RunMount & { readonly kind: 'bind' };

const mountOrigin = (assembly: Assembly, site: Site, mount: BindMount): FileOrigin =>
  mount.from === undefined
    ? { kind: 'context' }
    : originOf(assembly.input.file.stages, site.planned.outlined.index, mount.from);

/** The whole context, packed as a layer: what a bind mount without `from` shows. */
const packContext = async (
  assembly: Assembly,
  site: Site,
  signal: AbortSignal,
): Promise<readonly DiffId[]> => {
  const operation: CopyOperation = {
    kind: 'copy',
    origin: { kind: 'context' },
    sources: ['.'],
    inline: [],
    destination: '/',
    chown: undefined,
    chmod: undefined,
    link: true,
    parents: false,
    excludes: [],
    unpack: false,
  };
  const { context, tools } = assembly.input;
  const selection = await selectionFor(site, operation, context, signal);
  const request = { operation, selection, tree: context, below: NO_LAYERS, place: site.place, signal };
  const made = await runCopy(tools, request);
  return made === undefined ? NO_LAYERS : [made.diffId];
};

const runVertex = (assembly: Assembly, site: Site, operation: RunOperation): BuildVertex => {
  const { input } = assembly;
  const binds = operation.mounts.filter((mount) => mount.kind === 'bind');
  const origins = binds.map((mount) => originVertex(assembly, mountOrigin(assembly, site, mount)));
  const sources = origins.filter((vertex) => vertex !== undefined);
  const usesContext = origins.includes(undefined);
  return {
    id: site.id,
    step: site.identity,
    inputs: [byKey(site.below), ...sources.map(byKey)],
    definition: [...site.base, ...site.epoch, ...partsOf(operation, site.platform)],
    ignoreCache: input.noCache,
    ...(usesContext ? { sources: (signal) => contextParts(assembly, site, binds, signal) } : {}),
    execute: async ({ inputs: results, signal }) => {
      const below = results[0]?.layers ?? NO_LAYERS;
      const packed = usesContext ? await packContext(assembly, site, signal) : NO_LAYERS;
      const bindLayers = (mount: BindMount): readonly DiffId[] => {
        const vertex = originVertex(assembly, mountOrigin(assembly, site, mount));
        return vertex === undefined ? packed : (results[1 + sources.indexOf(vertex)]?.layers ?? NO_LAYERS);
      };
      const made = await runProcess(input.tools, {
        operation,
        below,
        bindLayers,
        surroundings: input.surroundings,
        place: site.place,
        onOutput: (stream, data) => input.onOutput(site.step, stream, data),
        signal,
      });
      return resultAfter(below, made);
    },
  };
};

/** What counts of the context for a step that mounts it: the files it can see there. */
const contextParts = async (
  assembly: Assembly,
  site: Site,
  binds: readonly BindMount[],
  signal: AbortSignal,
): Promise<readonly KeyPart[]> => {
  const own = binds.filter((mount) => mount.from === undefined).map((mount) => mount.source);
  const { context } = assembly.input;
  const request = {
    tree: context,
    excludes: [],
    parents: false,
    chmod: undefined,
    place: site.place,
    signal,
  };
  return (await selectFiles({ ...request, sources: own })).parts;
};

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
    definition: [...site.base, ...site.epoch, ...partsOf(operation, site.platform)],
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
  const id = `stage ${index}`;
  steps.set(id, { step: input.stepAt(index, -1), stage: index, position: -1 });
  const below = base.kind === 'stage' ? ends.get(base.stage) : undefined;
  if (below !== undefined) return below;
  return sourceVertex(
    id,
    `${input.scope} ${planned.outlined.name} FROM`,
    input.bases.get(index)?.layers ?? NO_LAYERS,
  );
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
    const id = `stage ${outlined.index} step ${position}`;
    const own = input.stepAt(outlined.index, position);
    steps.set(id, { step: own, stage: outlined.index, position });
    const identity = `${input.scope} ${outlined.name} ${kind} ${number}`;
    assembly.names.set(identity, own.name);
    const onBase = below === start && outlined.base.kind !== 'stage';
    below = operationVertex(
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
    names: new Map(),
  };
  for (const planned of input.planned.values()) assembleStage(assembly, planned);
  return { ends: assembly.ends, steps: assembly.steps, names: assembly.names };
};
