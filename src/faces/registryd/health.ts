import { statfs } from 'node:fs/promises';
import type { MetadataStore } from '#metadata';

/** What `/readyz` answers. */
export interface Readiness {
  readonly ready: boolean;
  /** The reasons are for the log: everybody may ask. */
  readonly checks: Readonly<Record<string, 'ok' | 'failed'>>;
}

export interface ReadinessOptions {
  readonly root: string;
  /** Free bytes of the disk below which the registry is not ready for pushes. */
  readonly diskFloor: number;
  readonly metadata: Pick<MetadataStore, 'deliveries'>;
  /** Is told why a check that passed before does not. */
  readonly failed: (check: string, reason: string) => void;
}

const OK = 'ok';

/** `OK` or what is wrong, by check. */
type Checks = Readonly<Record<string, string>>;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Free bytes of the disk with the registry's directory. */
export const freeBytes = async (root: string): Promise<number> => {
  const { bavail, bsize } = await statfs(root);
  return bavail * bsize;
};

const diskCheck = async (root: string, floor: number): Promise<string> => {
  const free = await freeBytes(root);
  return free >= floor ? OK : `${free} bytes are free, ${floor} are wanted`;
};

const databaseCheck = async (metadata: ReadinessOptions['metadata']): Promise<string> => {
  await metadata.deliveries.probe();
  return OK;
};

/** Whether the database takes writes and the disk has room. */
const checkReadiness = async ({ root, diskFloor, metadata }: ReadinessOptions): Promise<Checks> => {
  const [database, disk] = await Promise.all([
    databaseCheck(metadata).catch(messageOf),
    diskCheck(root, diskFloor).catch(messageOf),
  ]);
  return { database, disk };
};

const isOk = (state: string | undefined): boolean => state === undefined || state === OK;

const publicAnswer = (checks: Checks): Readiness => ({
  ready: Object.values(checks).every(isOk),
  checks: Object.fromEntries(
    Object.entries(checks).map(([name, state]) => [name, isOk(state) ? 'ok' : 'failed']),
  ),
});

/** Every answer stands for this long: monitors ask often, and each answer is a write. */
const FRESH_MS = 2_000;

/** `checkReadiness`, at most once in two seconds; the reason goes to `failed` when a check begins to fail. */
export const createReadiness = (options: ReadinessOptions): (() => Promise<Readiness>) => {
  let last: { readonly at: number; readonly answer: Promise<Readiness> } | undefined;
  let before: Checks = {};
  const look = async (): Promise<Readiness> => {
    const checks = await checkReadiness(options);
    for (const [check, reason] of Object.entries(checks))
      if (!isOk(reason) && isOk(before[check])) options.failed(check, reason);
    before = checks;
    return publicAnswer(checks);
  };
  return () => {
    const now = performance.now();
    if (last === undefined || now - last.at > FRESH_MS) last = { at: now, answer: look() };
    return last.answer;
  };
};
