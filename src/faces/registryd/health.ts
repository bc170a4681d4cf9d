import { statfs } from 'node:fs/promises';
import type { MetadataStore } from '#metadata';

/** What `/readyz` answers. */
export interface Readiness {
  readonly ready: boolean;
  /** One line for each check: `ok` or what is wrong. */
  readonly checks: Readonly<Record<string, string>>;
}

export interface ReadinessOptions {
  readonly root: string;
  /** Free bytes of the disk below which the registry is not ready for pushes. */
  readonly diskFloor: number;
  readonly metadata: MetadataStore;
}

const databaseCheck = async (metadata: MetadataStore): Promise<string> => {
  try {
    await metadata.deliveries.probe();
    return 'ok';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

/** Free bytes of the disk with the registry's directory. */
export const freeBytes = async (root: string): Promise<number> => {
  const { bavail, bsize } = await statfs(root);
  return bavail * bsize;
};

const diskCheck = async (root: string, floor: number): Promise<string> => {
  const free = await freeBytes(root);
  return free >= floor ? 'ok' : `${free} bytes are free, ${floor} are wanted`;
};

/** Whether the database takes writes and the disk has room. */
const checkReadiness = async ({ root, diskFloor, metadata }: ReadinessOptions): Promise<Readiness> => {
  const [database, disk] = await Promise.all([databaseCheck(metadata), diskCheck(root, diskFloor)]);
  return { ready: database === 'ok' && disk === 'ok', checks: { database, disk } };
};

/** Every answer stands for this long: monitors ask often, and each answer is a write. */
const FRESH_MS = 2_000;

/** `checkReadiness`, at most once in two seconds. */
export const createReadiness = (options: ReadinessOptions): (() => Promise<Readiness>) => {
  let last: { readonly at: number; readonly answer: Promise<Readiness> } | undefined;
  return () => {
    const now = performance.now();
    if (last === undefined || now - last.at > FRESH_MS) last = { at: now, answer: checkReadiness(options) };
    return last.answer;
  };
};
