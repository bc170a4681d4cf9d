import type { RunMount } from '#dockerfile';
import type { DiffId } from '#oci';
import type { KeyPart } from '#solver';
import {
  byKey,
  NO_LAYERS,
  onto,
  originVertex,
  resultAfter,
  selectionFor,
  type Assembly,
  type BuildVertex,
  type Site,
} from './graph-site.ts';
import {
  type CopyOperation,
  type FileOrigin,
  type RunOperation,
  runCopy,
  runProcess,
  keyPartsOf,
  type LayeredMount,
} from '#steps';
import { originOf } from './outline.ts';
import { sourcesErrors, selectFiles, type Selection } from '#sources';

type BindMount = RunMount & { readonly kind: 'bind' };

/** Whether a mount shows files of layers: a bind mount, or a cache that begins with some. */
const isLayered = (mount: RunMount): mount is LayeredMount =>
  mount.kind === 'bind' || (mount.kind === 'cache' && mount.from !== undefined);

const mountOrigin = (assembly: Assembly, site: Site, mount: LayeredMount): FileOrigin =>
  mount.from === undefined
    ? { kind: 'context' }
    : originOf(assembly.input.file.stages, site.planned.outlined.index, mount.from);

const valuesIn = (parts: readonly KeyPart[], roots: readonly string[]): ReadonlyMap<string, string> =>
  new Map(
    parts
      .filter(({ name }) => roots.some((root) => root === '' || name === root || name.startsWith(`${root}/`)))
      .map(({ name, value }) => [name, value]),
  );

/** Refuses a context whose mounted files are no longer what the key was made of. */
const refuseChanges = (counted: Selection, packed: Selection): void => {
  const roots = counted.sources.flatMap(({ entries }) => entries.slice(0, 1).map(({ name }) => name));
  const before = valuesIn(counted.parts, roots);
  const after = valuesIn(packed.parts, roots);
  const names = [...before.keys(), ...after.keys()];
  const path = names.find((name) => before.get(name) !== after.get(name));
  if (path !== undefined) throw sourcesErrors.contextChanged({ path });
};

/** The whole context, packed as a layer: what a bind mount without `from` shows. */
const packContext = async (
  assembly: Assembly,
  site: Site,
  counted: Selection,
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
    remotes: new Map(),
    unpackRemote: false,
  };
  const { context, tools } = assembly.input;
  const selection = await selectionFor(site, operation, context, signal);
  refuseChanges(counted, selection);
  const request = { operation, selection, tree: context, below: NO_LAYERS, place: site.place, signal };
  const made = await runCopy(tools, request);
  return made === undefined ? NO_LAYERS : [made.diffId];
};

/** RUN as a vertex. */
export const runVertex = (assembly: Assembly, site: Site, operation: RunOperation): BuildVertex => {
  const { input } = assembly;
  const layered = operation.mounts.filter(isLayered);
  const binds = layered.filter((mount) => mount.kind === 'bind');
  const origins = layered.map((mount) => originVertex(assembly, mountOrigin(assembly, site, mount)));
  const sources = origins.filter((vertex) => vertex !== undefined);
  const usesContext = origins.includes(undefined);
  let counted: Selection = { sources: [], parts: [] };
  const countContext = async (signal: AbortSignal): Promise<readonly KeyPart[]> => {
    counted = await contextSelection(assembly, site, binds, signal);
    return counted.parts;
  };
  return {
    id: site.id,
    step: site.identity,
    inputs: [onto(site.below), ...sources.map(byKey)],
    definition: [...site.base, ...site.epoch, ...keyPartsOf(operation, site.platform)],
    ignoreCache: input.noCache,
    ...(usesContext ? { sources: countContext } : {}),
    execute: async ({ inputs: results, signal }) => {
      const below = results[0]?.layers ?? NO_LAYERS;
      const packed = usesContext ? await packContext(assembly, site, counted, signal) : NO_LAYERS;
      const layersOf = (mount: LayeredMount): readonly DiffId[] => {
        const vertex = originVertex(assembly, mountOrigin(assembly, site, mount));
        return vertex === undefined ? packed : (results[1 + sources.indexOf(vertex)]?.layers ?? NO_LAYERS);
      };
      const made = await runProcess(input.tools, {
        operation,
        below,
        layersOf,
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
const contextSelection = (
  assembly: Assembly,
  site: Site,
  binds: readonly BindMount[],
  signal: AbortSignal,
): Promise<Selection> => {
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
  return selectFiles({ ...request, sources: own });
};
