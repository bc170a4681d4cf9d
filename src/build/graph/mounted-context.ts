import type { RunMount } from '#dockerfile';
import type { DiffId } from '#oci';
import type { KeyPart } from '#solver';
import { locate, selectFiles, sourcesErrors, type FileTree, type Selection } from '#sources';
import { runCopy, type CopyOperation } from '#steps';
import { NO_LAYERS, selectionFor, type Assembly, type Site } from './site.ts';

type BindMount = RunMount & { readonly kind: 'bind' };

/** What bind mounts show of a context, counted when the step's key was made. */
export interface CountedContext {
  readonly selection: Selection;
  /** Where each source lies in the tree, links followed. */
  readonly places: ReadonlyMap<string, string>;
}

export const NOTHING_MOUNTED: CountedContext = { selection: { sources: [], parts: [] }, places: new Map() };

const WILD = /[*?[\\]/u;

/** How words of COPY say the root of a tree. */
const orRoot = (place: string): string => (place === '' ? '.' : place);

/** What counts of the context for a step that mounts it: the files it can see there. */
export const countMounted = async (
  { assembly, site }: { readonly assembly: Assembly; readonly site: Site },
  binds: readonly BindMount[],
  signal: AbortSignal,
): Promise<CountedContext> => {
  const tree = assembly.input.context;
  const own = [...new Set(binds.map((mount) => mount.source))];
  const places = new Map(own.map((source) => [source, locate(tree.root, source).path]));
  const request = { tree, excludes: [], parents: false, chmod: undefined, place: site.place, signal };
  return {
    selection: await selectFiles({
      ...request,
      literal: true,
      sources: [...new Set(places.values())].map(orRoot),
    }),
    places,
  };
};

/** The places that hold all the others; the whole tree where COPY's words cannot say it. */
const outermost = (places: readonly string[]): readonly string[] => {
  if (places.some((place) => place === '' || WILD.test(place))) return ['.'];
  const sorted = [...new Set(places)].toSorted();
  return sorted.filter((place) => !sorted.some((other) => place.startsWith(`${other}/`)));
};

const valuesIn = (parts: readonly KeyPart[], roots: readonly string[]): ReadonlyMap<string, string> =>
  new Map(
    parts
      .filter(({ name }) => roots.some((root) => root === '' || name === root || name.startsWith(`${root}/`)))
      .map(({ name, value }) => [name, value]),
  );

/** Refuses a context whose mounted files are no longer what the key was made of. */
const refuseChanges = ({ selection }: CountedContext, packed: Selection): void => {
  const roots = selection.sources.flatMap(({ entries }) => entries.slice(0, 1).map(({ name }) => name));
  const before = valuesIn(selection.parts, roots);
  const after = valuesIn(packed.parts, roots);
  const names = [...before.keys(), ...after.keys()];
  const path = names.find((name) => before.get(name) !== after.get(name));
  if (path !== undefined) throw sourcesErrors.contextChanged({ path });
};

const packing = (sources: readonly string[]): CopyOperation => ({
  kind: 'copy',
  origin: { kind: 'context' },
  sources,
  inline: [],
  destination: '/',
  chown: undefined,
  chmod: undefined,
  link: true,
  parents: true,
  excludes: [],
  unpack: false,
  remotes: new Map(),
  unpackRemote: false,
});

/** The mounted parts of a context as a layer: what a step sees cannot change while it runs. */
export const packMounted = async (
  { assembly, site }: { readonly assembly: Assembly; readonly site: Site },
  counted: CountedContext,
  signal: AbortSignal,
): Promise<readonly DiffId[]> => {
  const tree: FileTree = assembly.input.context;
  const operation = packing(outermost([...counted.places.values()]));
  const selection = await selectionFor(site, operation, tree, signal);
  refuseChanges(counted, selection);
  const request = { operation, selection, tree, below: NO_LAYERS, place: site.place, signal };
  const made = await runCopy(assembly.input.tools, request);
  return made === undefined ? NO_LAYERS : [made.diffId];
};
