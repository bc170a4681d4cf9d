/** What a registry did to its files while it answered a client, and what it had promised at each moment. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { mustRun } from '../../support/process.ts';
import { fileAt, hashOf, type Cut } from './cut.ts';
import type { State } from './facts.ts';
import type { RegistryAttempt, RegistryOperation } from './registry-operations.ts';
import type { RegistrySite } from './registry-site.ts';
import { attach } from './strace.ts';
import { stepsOf, TRACE_ARGS, type Step } from './trace.ts';
import type { Finding } from './verify.ts';

/** What the disk model holds of a registry's root. */
export const REGISTRY_MODELLED = [
  'blobs',
  'uploads',
  'intake',
  'registry.db',
  'registry.db-wal',
  'version',
] as const;

/** A change that is promised from the answer with this number on. */
interface Promised {
  readonly answers: number;
  readonly path: string;
  readonly state: State;
}

export interface RegistryRecording {
  readonly attempt: RegistryAttempt;
  /** Copy of the root as it was before. */
  readonly base: string;
  readonly modelled: readonly string[];
  readonly steps: readonly Step[];
  readonly promises: readonly Promised[];
}

/** Whether the registry begins to answer a request with this step. */
export const isAnswer = (step: Step): boolean =>
  step.kind === 'write' &&
  /^(socket|TCP)/.test(step.path) &&
  /^HTTP\/1\.1 [2345]/.test(step.data.toString('latin1', 0, 12));

/** What the registry writes by itself, moments after a request. */
const DATABASE = ['registry.db', 'registry.db-wal'] as const;

const isCopyOf = (base: string, root: string): boolean =>
  DATABASE.every((name) => readFileSync(join(base, name)).equals(readFileSync(join(root, name))));

/** Copies the root and begins to record; again, when something was written between the two. */
const beginTrace = async (site: RegistrySite, base: string, output: string): ReturnType<typeof attach> => {
  for (let attempts = 1; ; attempts++) {
    rmSync(base, { recursive: true, force: true });
    await mustRun('cp', ['-a', site.root, base]);
    const tracing = await attach(site.service.child.pid ?? 0, ['-o', output, ...TRACE_ARGS]);
    if (isCopyOf(base, site.root)) return tracing;
    await tracing.detach();
    if (attempts === 20) throw new Error('the registry writes all the time');
  }
};

/** Runs an operation to success under strace. */
export const recordRegistry = async (
  site: RegistrySite,
  operation: RegistryOperation,
  base: string,
): Promise<RegistryRecording> => {
  const attempt = await operation.prepare(site);
  const promises: Promised[] = [];
  let answers = 0;
  const watching = site.watch({
    answered: () => void (answers += 1),
    promised: (path, state) => void promises.push({ answers, path, state }),
  });
  const output = `${base}.trace`;
  const tracing = await beginTrace(site, base, output);
  await attempt.run();
  await tracing.detach();
  watching[Symbol.dispose]();
  const steps = stepsOf(readFileSync(output, 'latin1'));
  if (steps.filter(isAnswer).length !== answers)
    throw new Error(`${steps.filter(isAnswer).length} of ${answers} answers are in the recording`);
  return { attempt, base, modelled: REGISTRY_MODELLED, steps, promises };
};

const QUERIES = {
  blobs: 'SELECT digest FROM links WHERE repository = ?1 AND digest = ?2',
  digest: 'SELECT digest FROM manifests WHERE repository = ?1 AND digest = ?2',
  tag: 'SELECT digest FROM tags WHERE repository = ?1 AND name = ?2',
} as const;

/** What the database says of a path. */
const stateIn = (database: DatabaseSync, path: string): State => {
  const [, repository = '', kind, name = ''] = /^\/v2\/(.+)\/(blobs|manifests)\/([^/]+)$/.exec(path) ?? [];
  const query = kind === 'blobs' ? QUERIES.blobs : name.includes(':') ? QUERIES.digest : QUERIES.tag;
  const row = database.prepare(query).get(repository, name);
  return row === undefined ? undefined : String(row['digest']);
};

const openCut = (cut: Cut, work: string): DatabaseSync => {
  mkdirSync(work, { recursive: true });
  for (const name of ['registry.db', 'registry.db-wal']) {
    const content = fileAt(cut, name);
    if (content === undefined) rmSync(join(work, name), { force: true });
    else writeFileSync(join(work, name), content);
  }
  rmSync(join(work, 'registry.db-shm'), { force: true });
  return new DatabaseSync(join(work, 'registry.db'));
};

const brokenBlobs = (database: DatabaseSync, cut: Cut): readonly string[] =>
  database
    .prepare('SELECT digest FROM blobs')
    .all()
    .flatMap((row) => {
      const [algorithm = '', hex = ''] = String(row['digest']).split(':');
      const content = fileAt(cut, `blobs/${algorithm}/${hex.slice(0, 2)}/${hex}`);
      if (content === undefined) return [`blob ${hex} is recorded and gone`];
      return hashOf(content) === hex ? [] : [`blob ${hex} has other content`];
    });

/** Every record has its file, whole, and what was answered is done. `work` is a directory for the database's files. */
export const cutFindings = (
  { promises }: RegistryRecording,
  { cut, answers }: { readonly cut: Cut; readonly answers: number },
  work: string,
): readonly Finding[] => {
  const database = openCut(cut, work);
  try {
    const due = new Map(
      promises.filter((one) => one.answers <= answers).map(({ path, state }) => [path, state]),
    );
    const later = new Set(promises.filter((one) => one.answers > answers).map(({ path }) => path));
    const missing = [...due]
      .filter(([path, state]) => !later.has(path) && stateIn(database, path) !== state)
      .map(([path, state]) => `${path} was answered to be ${state ?? 'gone'}, and is not`);
    return [...brokenBlobs(database, cut), ...missing].map((text) => ({ kind: 'loss', text }));
  } finally {
    database.close();
  }
};
