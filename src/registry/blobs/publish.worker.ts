import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { syncFileSystemHere } from '#sys';
import { serveJobs } from '#work';
import type { Publication, PublishedGroup } from './publisher.ts';

/** From here on one wait for the whole file system costs less than one for each file. */
const MANY = 4;

interface Item extends Publication {
  /** What went wrong with this one alone. */
  failure: unknown;
  /** A blob of these bytes was there before. */
  there: boolean;
}

const syncPath = (path: string): void => {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
};

/** Runs a step for those that got so far. */
const step = (items: readonly Item[], work: (item: Item) => void): void => {
  for (const item of items) {
    if (item.failure !== undefined) continue;
    try {
      work(item);
    } catch (error) {
      item.failure = error;
    }
  }
};

/** Makes what is at `paths` durable. */
const syncAll = (items: readonly Item[], pathOf: (item: Item) => string): void => {
  const good = items.filter(({ failure }) => failure === undefined);
  const paths = new Set(good.map(pathOf));
  const [first] = paths;
  if (first === undefined) return;
  if (paths.size < MANY) {
    step(good, (item) => syncPath(pathOf(item)));
    return;
  }
  const fd = openSync(first, 'r');
  try {
    syncFileSystemHere(fd);
  } catch (error) {
    for (const item of good) item.failure = error;
  } finally {
    closeSync(fd);
  }
};

/** What has another size was damaged: the bytes that come are known to be right, and take its place. */
const isThere = ({ from, to }: Item): boolean => {
  const there = statSync(to, { throwIfNoEntry: false });
  return there !== undefined && there.size === statSync(from).size;
};

const prepare = (item: Item): void => {
  item.there = isThere(item);
  if (item.there) return;
  const directory = dirname(item.to);
  if (mkdirSync(directory, { recursive: true }) !== undefined) syncPath(dirname(directory));
  chmodSync(item.from, 0o444);
};

const move = (item: Item): void => {
  if (item.there) rmSync(item.from, { force: true });
  else renameSync(item.from, item.to);
};

/** Nobody may take a name for durable that is not. */
const withdraw = ({ to, there }: Item): void => {
  if (!there) rmSync(to, { force: true });
};

const failureOf = ({ failure }: Item): PublishedGroup[number] => {
  if (failure === undefined) return undefined;
  const code = failure instanceof Error && 'code' in failure ? failure.code : undefined;
  const message = failure instanceof Error ? failure.message : 'it failed';
  return { message, code: typeof code === 'string' ? code : undefined };
};

/**
 * Content first, then names: a power cut leaves no name without its content. The names are durable before anybody is told,
 * also those that were there: who made them may not have come so far.
 */
const publishGroup = (publications: readonly Publication[]): PublishedGroup => {
  const items = publications.map((one): Item => ({ ...one, failure: undefined, there: false }));
  step(items, prepare);
  const own = items.filter(({ there }) => !there);
  syncAll(own, ({ from }) => from);
  step(items, move);
  const moved = items.filter(({ failure }) => failure === undefined);
  syncAll(moved, ({ to }) => dirname(to));
  for (const item of moved) if (item.failure !== undefined) withdraw(item);
  return items.map(failureOf);
};

serveJobs(publishGroup, { urgent: true });
