/** One operation, recorded: the root before it, and every step that the daemon took. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun } from '../../support/process.ts';
import { newDirectory, newFile, type DirectoryNode } from './disk.ts';
import type { Attempt, Operation } from './operations.ts';
import type { Site } from './site.ts';
import { attach } from './strace.ts';
import { stepsOf, TRACE_ARGS, type Step } from './trace.ts';

export interface Recording {
  readonly attempt: Attempt;
  /** Copy of the root as it was before. */
  readonly base: string;
  readonly steps: readonly Step[];
  /** Number of steps before the daemon began to say that all is done. */
  readonly answeredAt: number;
}

/** What the disk model holds of a root; the rest belongs to containers. */
export const MODELLED = ['blobs', 'layers', 'ingest', 'trash', 'lade.db', 'lade.db-wal', 'version'] as const;

/** The words by which a client knows that it is done. */
const DONE: Readonly<Record<string, RegExp>> = {
  pull: /Status: /,
  load: /Loaded image/,
  build: /Successfully/,
  commit: /^HTTP\/1.1 201/,
  tag: /^HTTP\/1.1 201/,
  rmi: /Untagged|Deleted/,
  prune: /SpaceReclaimed/,
};

const answerOf = (steps: readonly Step[], operation: string): number => {
  const done = DONE[operation];
  const index = steps.findIndex(
    (step) =>
      step.kind === 'write' && /^(socket|UNIX)/.test(step.path) && done?.test(step.data.toString()) === true,
  );
  if (index < 0) throw new Error(`no answer of ${operation} in the recording`);
  return index;
};

/** Runs an operation to success under strace. */
export const record = async (site: Site, operation: Operation, base: string): Promise<Recording> => {
  const attempt = await operation.prepare(site);
  const { root } = site.machine;
  await mustRun('cp', ['-a', '--one-file-system', root, base]);
  const output = `${base}.trace`;
  const tracing = await attach(site.machine.daemon.child.pid ?? 0, ['-o', output, ...TRACE_ARGS]);
  const { ok, body } = await attempt.run(site.call);
  await tracing.detach();
  if (!ok) throw new Error(`${operation.name} fails without any fault: ${body.toString()}`);
  const steps = stepsOf(readFileSync(output, 'latin1'));
  return { attempt, base, steps, answeredAt: answerOf(steps, operation.name) };
};

const loadDirectory = (path: string): DirectoryNode => {
  const directory = newDirectory();
  for (const name of readdirSync(path)) {
    const child = join(path, name);
    const stats = statSync(child);
    if (!stats.isDirectory() && !stats.isFile()) continue;
    const node = stats.isDirectory() ? loadDirectory(child) : newFile(readFileSync(child));
    directory.durable.set(name, node);
    directory.current.set(name, node);
  }
  return directory;
};

/** What the disk holds before a recording begins: all of it is safe. */
export const loadBase = (base: string, modelled: readonly string[] = MODELLED): DirectoryNode => {
  const whole = newDirectory();
  for (const name of readdirSync(base)) {
    const path = join(base, name);
    if (!modelled.includes(name)) continue;
    const node = statSync(path).isDirectory() ? loadDirectory(path) : newFile(readFileSync(path));
    whole.durable.set(name, node);
    whole.current.set(name, node);
  }
  return whole;
};
