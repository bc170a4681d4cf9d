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
    // A write of nothing goes the way of every write, so it fails when they do.
    await metadata.journal.append([]);
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
export const checkReadiness = async ({ root, diskFloor, metadata }: ReadinessOptions): Promise<Readiness> => {
  const [database, disk] = await Promise.all([databaseCheck(metadata), diskCheck(root, diskFloor)]);
  return { ready: database === 'ok' && disk === 'ok', checks: { database, disk } };
};
