import { createHash } from 'node:crypto';
import type { StepResult } from '#cache';
import type { Dockerfile, Place } from '#dockerfile';
import type { LayerInfo } from '#layers';
import type { DiffId, ImageId } from '#oci';
import type { Epochs, StageEpoch, PlannedStage, BuildStep } from '#plan';
import type { KeyPart, Vertex, VertexInput } from '#solver';
import { createPlainDigests, parseModeChange, selectFiles, type FileTree, type Selection } from '#sources';
import {
  stepsErrors,
  type CopyOperation,
  type FileOrigin,
  type RunSurroundings,
  type RunTools,
} from '#steps';
import type { StepIdentities } from './step-identities.ts';
import type { VertexShare } from './vertex-share.ts';

/** One step that touches files, as a vertex; its place in the file and in progress. */
export interface GraphStep {
  readonly step: BuildStep;
  readonly stage: number;
  /** Index in the stage; -1 for FROM. */
  readonly position: number;
}

/** What the graph needs to know of an image. */
export interface ImageLayers {
  readonly id: ImageId;
  readonly layers: readonly DiffId[];
}

export interface GraphInput {
  readonly file: Dockerfile;
  readonly planned: ReadonlyMap<number, PlannedStage>;
  /** By stage index. */
  readonly bases: ReadonlyMap<number, ImageLayers>;
  /** Images of COPY --from and --mount=from, by reference. */
  readonly images: ReadonlyMap<string, ImageLayers>;
  readonly context: FileTree;
  readonly tools: RunTools;
  readonly surroundings: RunSurroundings;
  /** Names the same step in the last build of the same Dockerfile. */
  readonly identities: StepIdentities;
  /** Tells the graphs of several platforms apart; empty for the machine's own. */
  readonly prefix: string;
  /** Finds what several graphs have in common. */
  readonly share: VertexShare;
  readonly noCache: boolean;
  /** Stages that are not looked up either, by name in lower case or by number. */
  readonly noCacheStages: ReadonlySet<string>;
  /** What times in layers are clamped to. */
  readonly epochs: Epochs;
  /** The progress step of an instruction, or of FROM (-1). */
  readonly stepAt: (stage: number, position: number) => BuildStep;
  readonly onOutput: (step: BuildStep, stream: 'stdout' | 'stderr', data: Buffer) => void;
}

export type BuildVertex = Vertex<StepResult>;

export interface Graph {
  /** The last vertex of each stage. */
  readonly ends: ReadonlyMap<number, BuildVertex>;
  readonly steps: ReadonlyMap<string, GraphStep>;
  /** Steps that another graph carries out too, by the vertex that does. */
  readonly shared: ReadonlyMap<string, GraphStep>;
  readonly identities: StepIdentities;
}

export const NO_LAYERS: readonly DiffId[] = [];

export const chainText = (layers: readonly DiffId[]): string =>
  createHash('sha256').update(layers.join(' ')).digest('hex').slice(0, 24);

export const resultAfter = (below: readonly DiffId[], made: LayerInfo | undefined): StepResult => ({
  layers: made === undefined ? below : [...below, made.diffId],
  own: made?.diffId,
  size: made?.size ?? 0,
  created: new Date().toISOString(),
});

/** State of one graph while it is put together. */
export interface Assembly {
  readonly input: GraphInput;
  readonly ends: Map<number, BuildVertex>;
  readonly images: Map<string, BuildVertex>;
  /** Stages that begin with a base which is no stage, by the vertex of that base. */
  readonly grounds: Map<BuildVertex, PlannedStage>;
  readonly steps: Map<string, GraphStep>;
  readonly shared: Map<string, GraphStep>;
}

export const sourceVertex = (id: string, step: string, layers: readonly DiffId[]): BuildVertex => ({
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
export const originVertex = (assembly: Assembly, origin: FileOrigin): BuildVertex | undefined => {
  if (origin.kind === 'context') return undefined;
  return origin.kind === 'stage' ? assembly.ends.get(origin.stage) : imageVertex(assembly, origin.reference);
};

/** Where a step stands: what it builds on, and how errors and progress call it. */
export interface Site {
  readonly id: string;
  readonly identity: string;
  readonly below: BuildVertex;
  /** Base layers of the stage, for the reason "the base changed"; only where the step stands directly on them. */
  readonly base: readonly KeyPart[];
  readonly epoch: readonly KeyPart[];
  /** That of a layer which stands by itself. */
  readonly linked: StageEpoch;
  readonly place: Place;
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
export const withOrigin = async <T>(
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

/** `--chmod` of a step. */
export const modeChangeOf = (site: Site, { chmod }: CopyOperation) => {
  if (chmod === undefined || chmod === '') return undefined;
  const change = parseModeChange(chmod);
  if (change !== undefined) return change;
  const problem = `invalid --chmod "${chmod}"`;
  const advice = 'give octal digits such as 755, or symbols such as u=rwX,go=rX';
  throw stepsErrors.badInstruction({ problem, advice, ...site.place });
};

export const selectionFor = (
  site: Site,
  operation: CopyOperation,
  tree: FileTree,
  signal: AbortSignal,
): Promise<Selection> => {
  const { sources, excludes, parents } = operation;
  const chmod = modeChangeOf(site, operation);
  return selectFiles({ tree, sources, excludes, parents, chmod, place: site.place, signal });
};

export const byKey = (vertex: BuildVertex): VertexInput<StepResult> => ({ vertex, by: 'key' });
/** For what the result contains: the layers below a step. */
export const onto = (vertex: BuildVertex): VertexInput<StepResult> => ({ vertex, by: 'key', part: true });
export const byContent = (vertex: BuildVertex): VertexInput<StepResult> => ({ vertex, by: 'content' });
