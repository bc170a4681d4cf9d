import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildStep } from '#plan';
import type { BuildSubject, LogEntry } from './types.ts';

/** The first line of a log: what the record says, should the database never hear of the build. */
export interface LogHeader extends BuildSubject {
  readonly id: string;
  readonly startedAt: number;
}

export type LogLine = { readonly kind: 'header'; readonly header: LogHeader } | LogEntry;

const READ_BYTES = 256 * 1024;

export const logFolder = (root: string): string => join(root, 'build-logs');
export const logPath = (root: string, id: string): string => join(logFolder(root), `${id}.jsonl`);

/** A step is written in full where it is named first, later by its ID alone: lines stay as short as what they tell. */
const encoder = (): ((line: LogLine) => string) => {
  const told = new Set<string>();
  return (line) => {
    if (line.kind !== 'event' || !('step' in line.event) || line.event.step === undefined)
      return JSON.stringify(line);
    const { step } = line.event;
    const known = told.has(step.id);
    told.add(step.id);
    const data =
      line.event.kind === 'step-log' ? { data: Buffer.from(line.event.data).toString('base64') } : {};
    return JSON.stringify({ ...line, event: { ...line.event, ...data, step: known ? step.id : step } });
  };
};

const decoder = (): ((text: string) => LogLine | undefined) => {
  const steps = new Map<string, BuildStep>();
  return (text) => {
    let line: LogLine;
    try {
      line = JSON.parse(text) as LogLine;
    } catch {
      // The last line of a build whose daemon was killed.
      return undefined;
    }
    if (line.kind !== 'event' || !('step' in line.event) || line.event.step === undefined) return line;
    const named = line.event.step as BuildStep | string;
    const step = typeof named === 'string' ? steps.get(named) : named;
    if (step === undefined) return undefined;
    steps.set(step.id, step);
    const data =
      line.event.kind === 'step-log'
        ? { data: Buffer.from(line.event.data as unknown as string, 'base64') }
        : {};
    return { ...line, event: { ...line.event, ...data, step } };
  };
};

/** Counters of a transfer: too many, and what is finished is told besides. */
const isTick = (line: LogLine): boolean =>
  line.kind === 'event' &&
  line.event.kind === 'pull' &&
  line.event.current !== undefined &&
  line.event.current !== line.event.total;

export interface BuildLog {
  readonly path: string;
  /** Takes a line; it is in the file, whatever happens to this process, before other work has its next turn. */
  write(line: LogLine): void;
  /** Why the log is not whole: the disk was full, for instance. */
  readonly failure: Error | undefined;
  readonly bytes: number;
  /** Called after lines were written, and after the end. */
  onGrown: (() => void) | undefined;
  readonly ended: boolean;
  end(): void;
}

/** Writes a build's log. What cannot be written is lost, and never fails the build. */
export const createBuildLog = (root: string, header: LogHeader): BuildLog => {
  const path = logPath(root, header.id);
  const encode = encoder();
  const state: { fd: number | undefined; failure: Error | undefined; waiting: string[]; bytes: number } = {
    fd: undefined,
    failure: undefined,
    waiting: [],
    bytes: 0,
  };
  let ended = false;
  try {
    mkdirSync(logFolder(root), { recursive: true, mode: 0o700 });
    state.fd = openSync(path, 'ax', 0o600);
  } catch (error) {
    state.failure = error instanceof Error ? error : new Error(String(error));
  }
  const flush = (): void => {
    const lines = state.waiting.splice(0);
    if (lines.length === 0 || state.fd === undefined || state.failure !== undefined) return;
    const bytes = Buffer.from(lines.join(''));
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(state.fd, bytes, done);
      state.bytes += bytes.length;
    } catch (error) {
      state.failure = error instanceof Error ? error : new Error(String(error));
    }
    log.onGrown?.();
  };
  const write = (line: LogLine): void => {
    if (ended || isTick(line)) return;
    if (state.waiting.length === 0) setImmediate(flush);
    state.waiting.push(`${encode(line)}\n`);
  };
  const log: BuildLog = {
    path,
    write,
    onGrown: undefined,
    get failure() {
      return state.failure;
    },
    get bytes() {
      return state.bytes;
    },
    get ended() {
      return ended;
    },
    end() {
      if (ended) return;
      flush();
      ended = true;
      if (state.fd !== undefined) closeSync(state.fd);
      log.onGrown?.();
    },
  };
  write({ kind: 'header', header });
  flush();
  return log;
};

interface ReadOptions {
  /** Waits for more at the end of the file; false when there will be none. */
  readonly more?: (() => Promise<boolean>) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Reads a log line by line; a line that was cut off at the end is left out. */
export async function* readLog(
  path: string,
  { more, signal }: ReadOptions = {},
): AsyncGenerator<LogLine, void, undefined> {
  await using file = await open(path);
  const decode = decoder();
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let held: Buffer[] = [];
  for (;;) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, READ_BYTES, null);
    if (bytesRead === 0) {
      if (more === undefined || !(await more())) return;
      continue;
    }
    for (let from = 0; from < bytesRead;) {
      const end = buffer.subarray(0, bytesRead).indexOf(10, from);
      held.push(Buffer.from(buffer.subarray(from, end < 0 ? bytesRead : end)));
      if (end < 0) break;
      const line = decode(Buffer.concat(held).toString('utf8'));
      held = [];
      from = end + 1;
      if (line !== undefined) yield line;
    }
  }
}
