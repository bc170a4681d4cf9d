import type { KeyPart } from '#solver';
import { selectFiles, type FileTree, type SelectedSource, type Selection } from '#sources';
import type { CopyOperation } from '#steps';
import { modeChangeOf, selectionFor, type Assembly, type Site } from './site.ts';

/** What a step takes, once everything it takes is known but not yet fetched. */
export interface CountedCopy {
  readonly parts: readonly KeyPart[];
  /** Of the tree, by source word; all of them under the empty one when nothing is remote. */
  readonly local: ReadonlyMap<string, Selection>;
}

export const NOTHING_COUNTED: CountedCopy = { parts: [], local: new Map() };

const isRemote = (operation: CopyOperation, word: string): boolean => operation.remotes.has(word);

/** Reads what counts for the key: files of the tree, and what servers say of remote sources. */
export const countCopy = async (
  { assembly, site, operation }: { assembly: Assembly; site: Site; operation: CopyOperation },
  tree: FileTree,
  signal: AbortSignal,
): Promise<CountedCopy> => {
  if (operation.remotes.size === 0) {
    const selection = await selectionFor(site, operation, tree, signal);
    return { parts: selection.parts, local: new Map([['', selection]]) };
  }
  const local = new Map<string, Selection>();
  const parts: KeyPart[] = [];
  for (const word of operation.sources) {
    const request = operation.remotes.get(word);
    if (request === undefined) {
      const selection = await selectionFor(site, { ...operation, sources: [word] }, tree, signal);
      local.set(word, selection);
      parts.push(...selection.parts);
    } else parts.push(...(await assembly.input.tools.remote.identify(request, signal)));
  }
  return { parts, local };
};

const fetched = async (
  { assembly, site, operation }: { assembly: Assembly; site: Site; operation: CopyOperation },
  word: string,
  signal: AbortSignal,
): Promise<readonly SelectedSource[]> => {
  const request = operation.remotes.get(word);
  if (request === undefined) return [];
  const { tree, file } = await assembly.input.tools.remote.open(request, signal);
  const { sources } = await selectFiles({
    tree,
    sources: [file ?? '.'],
    literal: true,
    excludes: file === undefined ? operation.excludes : [],
    parents: false,
    chmod: modeChangeOf(site, operation),
    place: site.place,
    signal,
  });
  return sources.map((source) => ({ ...source, tree }));
};

/** Everything the step takes, in the order of its words; fetches what is elsewhere. */
export const selectCopy = async (
  step: { assembly: Assembly; site: Site; operation: CopyOperation },
  counted: CountedCopy,
  signal: AbortSignal,
): Promise<Selection> => {
  const { operation } = step;
  const whole = counted.local.get('');
  if (operation.remotes.size === 0) return whole ?? { sources: [], parts: [] };
  const sources: SelectedSource[] = [];
  for (const word of operation.sources) {
    if (isRemote(operation, word)) sources.push(...(await fetched(step, word, signal)));
    else sources.push(...(counted.local.get(word)?.sources ?? []));
  }
  return { sources, parts: counted.parts };
};
