import type { RunMount } from '#dockerfile';
import { sha256Of, type DiffId } from '#oci';
import { originOf } from '#plan';
import type { KeyPart } from '#solver';
import {
  checkRights,
  runProcess,
  keyPartsOf,
  type FileOrigin,
  type RunOperation,
  type LayeredMount,
  type RunSurroundings,
} from '#steps';
import { countMounted, NOTHING_MOUNTED, packMounted, type CountedContext } from './mounted-context.ts';
import { countStageMounts } from './mounted-layers.ts';
import {
  byContent,
  NO_LAYERS,
  onto,
  originVertex,
  resultAfter,
  type Assembly,
  type BuildVertex,
  type Site,
} from './site.ts';

/** Whether a mount shows files of layers: a bind mount, or a cache that begins with some. */
const isLayered = (mount: RunMount): mount is LayeredMount =>
  mount.kind === 'bind' || (mount.kind === 'cache' && mount.from !== undefined);

const mountOrigin = (assembly: Assembly, site: Site, mount: LayeredMount): FileOrigin =>
  mount.from === undefined
    ? { kind: 'context' }
    : originOf(assembly.input.file.stages, site.planned.outlined.index, mount.from);

/** A bind mount of the context names what its links lead to: the links themselves are not packed. */
const placed = (mount: RunMount, { places }: CountedContext): RunMount =>
  mount.kind === 'bind' && mount.from === undefined
    ? { ...mount, source: places.get(mount.source) ?? mount.source }
    : mount;

/** What the request says of the network, where it is not the default and the instruction leaves it open. */
const networkParts = (
  { network, extraHosts }: RunSurroundings,
  operation: RunOperation,
): readonly KeyPart[] => [
  ...(network === 'default' || operation.network !== 'default'
    ? []
    : [{ kind: 'setting', name: 'network of the build', value: network }]),
  ...(extraHosts.length === 0 ? [] : [{ kind: 'setting', name: 'hosts', value: extraHosts.join(' ') }]),
];

/** Names the secrets and agents that a step sees. They are in no key: what was made with others is not waited for. */
const unkeyedOf = ({ secrets, ssh }: RunSurroundings, { mounts }: RunOperation): string | undefined => {
  const own = <T>(record: Readonly<Record<string, T>>, id: string): T | undefined =>
    Object.hasOwn(record, id) ? record[id] : undefined;
  const seen = mounts.flatMap((mount) => {
    if (mount.kind === 'ssh') return [[mount.kind, mount.id, own(ssh, mount.id)?.socket]];
    if (mount.kind !== 'secret') return [];
    const bytes = own(secrets, mount.id);
    return [[mount.kind, mount.id, bytes === undefined ? undefined : sha256Of(bytes)]];
  });
  return seen.length === 0 ? undefined : sha256Of(Buffer.from(JSON.stringify(seen)));
};

/** RUN as a vertex. */
export const runVertex = (assembly: Assembly, site: Site, operation: RunOperation): BuildVertex => {
  const { input } = assembly;
  checkRights(operation, input.surroundings.allow, site.place);
  const layered = operation.mounts.filter(isLayered);
  const binds = layered.filter((mount) => mount.kind === 'bind').filter(({ from }) => from === undefined);
  const mounts = layered.map((mount) => {
    const origin = mountOrigin(assembly, site, mount);
    return { mount, origin, vertex: originVertex(assembly, origin) };
  });
  const sources = mounts.flatMap(({ vertex }) => (vertex === undefined ? [] : [vertex]));
  const fromStages = mounts.filter(({ vertex }) => vertex !== undefined);
  const usesContext = fromStages.length < mounts.length;
  let counted = NOTHING_MOUNTED;
  const countContext = async (signal: AbortSignal): Promise<readonly KeyPart[]> => {
    counted = await countMounted({ assembly, site }, binds, signal);
    return counted.selection.parts;
  };
  return {
    id: site.id,
    step: site.identity,
    inputs: [onto(site.below), ...sources.map(byContent)],
    definition: [
      ...site.base,
      ...site.epoch,
      ...keyPartsOf(operation, site.platform),
      ...networkParts(input.surroundings, operation),
    ],
    ignoreCache: input.noCache,
    unkeyed: unkeyedOf(input.surroundings, operation),
    ...(usesContext ? { sources: countContext } : {}),
    ...(fromStages.length === 0
      ? {}
      : {
          contentOf: (results, signal) => countStageMounts({ assembly, site, signal }, fromStages, results),
        }),
    execute: async ({ inputs: results, signal }) => {
      const below = results[0]?.layers ?? NO_LAYERS;
      const packed = usesContext ? await packMounted({ assembly, site }, counted, signal) : NO_LAYERS;
      const layersOf = (mount: LayeredMount): readonly DiffId[] => {
        const vertex = originVertex(assembly, mountOrigin(assembly, site, mount));
        return vertex === undefined ? packed : (results[1 + sources.indexOf(vertex)]?.layers ?? NO_LAYERS);
      };
      const made = await runProcess(input.tools, {
        operation: { ...operation, mounts: operation.mounts.map((mount) => placed(mount, counted)) },
        platform: site.platform,
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
