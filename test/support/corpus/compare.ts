import type { FetchedImage, ImageConfig } from './fetch-image.ts';
import { linkGroups, type ImageTree, type TreeNode } from './image-tree.ts';

/** One thing in which two images of the same Dockerfile are not alike. */
export interface Difference {
  /** A path of the file system, `config:Key` or `history:N`. */
  readonly at: string;
  /** Of a file: `there`, `kind`, `mode`, `uid` …; else `value`. */
  readonly field: string;
  readonly lade: string;
  readonly other: string;
}

const FIELDS = ['kind', 'mode', 'uid', 'gid', 'size', 'content', 'linkName', 'device', 'xattrs'] as const;

const show = (field: string, value: unknown): string =>
  field === 'mode' ? `0${(value as number).toString(8)}` : String(value);

/** A time is in no layer (`none`), the latest that Lade gives (`latest`), later than that, or a number. */
const timeOf = ({ mtimeNs }: TreeNode, latest: bigint): string => {
  if (mtimeNs === undefined) return 'none';
  if (mtimeNs === latest) return 'latest';
  return mtimeNs > latest ? 'later' : mtimeNs.toString();
};

function* compareNodes(lade: TreeNode, other: TreeNode, latest: bigint): Generator<Omit<Difference, 'at'>> {
  for (const field of FIELDS)
    if (lade[field] !== other[field])
      yield { field, lade: show(field, lade[field]), other: show(field, other[field]) };
  const [mine, theirs] = [timeOf(lade, latest), timeOf(other, latest)];
  const time = lade.kind === 'directory' ? 'directory mtime' : 'mtime';
  if (mine !== theirs || mine === 'later') yield { field: time, lade: mine, other: theirs };
}

function* compareTrees(lade: ImageTree, other: ImageTree, latest: bigint): Generator<Difference> {
  for (const at of new Set([...lade.keys(), ...other.keys()])) {
    const mine = lade.get(at);
    const theirs = other.get(at);
    if (mine === undefined || theirs === undefined)
      yield { at, field: 'there', lade: mine?.kind ?? 'absent', other: theirs?.kind ?? 'absent' };
    else for (const difference of compareNodes(mine, theirs, latest)) yield { at, ...difference };
  }
  const mine = linkGroups(lade);
  const theirs = linkGroups(other);
  for (const at of new Set([...mine.keys(), ...theirs.keys()]))
    if (mine.get(at) !== theirs.get(at))
      yield { at, field: 'links', lade: mine.get(at) ?? '', other: theirs.get(at) ?? '' };
}

const isEmpty = (value: unknown): boolean =>
  value === null ||
  value === undefined ||
  value === '' ||
  value === false ||
  (typeof value === 'object' && Object.keys(value).length === 0);

const sorted = (value: unknown): unknown =>
  typeof value !== 'object' || value === null || Array.isArray(value)
    ? value
    : Object.fromEntries(
        Object.entries(value)
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, inner]) => [key, sorted(inner)]),
      );

/** The parts of a configuration that mean something, empty ones left out, as text. */
const configTexts = ({ architecture, os, config }: ImageConfig): ReadonlyMap<string, string> =>
  new Map(
    Object.entries({ architecture, os, ...config })
      .filter(([, value]) => !isEmpty(value))
      .map(([key, value]) => [key, JSON.stringify(sorted(value))]),
  );

function* compareConfigs(lade: ImageConfig, other: ImageConfig): Generator<Difference> {
  const mine = configTexts(lade);
  const theirs = configTexts(other);
  for (const key of new Set([...mine.keys(), ...theirs.keys()]))
    if (mine.get(key) !== theirs.get(key))
      yield {
        at: `config:${key}`,
        field: 'value',
        lade: mine.get(key) ?? 'absent',
        other: theirs.get(key) ?? 'absent',
      };
}

const historyLine = (entry: ImageConfig['history'][number] | undefined): string =>
  entry === undefined ? 'absent' : `${entry.created_by ?? ''}${entry.empty_layer === true ? ' (empty)' : ''}`;

function* compareHistories(lade: ImageConfig, other: ImageConfig): Generator<Difference> {
  for (let index = 0; index < Math.max(lade.history.length, other.history.length); index++) {
    const mine = historyLine(lade.history[index]);
    const theirs = historyLine(other.history[index]);
    if (mine !== theirs) yield { at: `history:${index}`, field: 'value', lade: mine, other: theirs };
  }
}

export interface CompareOptions {
  /** No time of Lade's image may be later; nanoseconds since 1970. */
  readonly latest: bigint;
  readonly history: boolean;
}

/** Everything in which two images differ: file systems entry by entry, configurations, and histories if asked. */
export const compareImages = (
  lade: FetchedImage,
  other: FetchedImage,
  { latest, history }: CompareOptions,
): readonly Difference[] => [
  ...compareTrees(lade.tree, other.tree, latest),
  ...compareConfigs(lade.config, other.config),
  ...(history ? compareHistories(lade.config, other.config) : []),
];

export const describeDifference = ({ at, field, lade, other }: Difference): string =>
  `${at} ${field}: Lade ${lade}, the other ${other}`;
