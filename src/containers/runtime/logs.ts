import { watch } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { parseLogLine } from './log-line.ts';
import type { LogOptions, LogRecord } from './types.ts';

const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 0x0a;
/** A change that the file system did not report is found after this time. */
const RECHECK_MS = 1000;

/** Whether a line on disk ends a line of output (`F`), rather than being a piece of one (`P`). */
const endsLine = (line: Buffer): boolean => parseLogLine(line)?.partial === false;

interface TailScan {
  /** Offset at which the wanted tail begins. */
  begin: number;
  wanted: number;
  rest: Buffer;
}

/** Counts lines backwards through one block; true when the beginning of the tail was found. */
const scanBlock = (scan: TailScan, block: Buffer, offset: number): boolean => {
  const data = Buffer.concat([block, scan.rest]);
  let end = data.length;
  for (
    let at = data.lastIndexOf(NEWLINE, end - 1);
    at !== -1;
    at = at === 0 ? -1 : data.lastIndexOf(NEWLINE, at - 1)
  ) {
    const line = data.subarray(at + 1, end);
    if (line.length > 0) {
      if (endsLine(line)) scan.wanted -= 1;
      if (scan.wanted < 0) return true;
      scan.begin = offset + at + 1;
    }
    end = at;
  }
  scan.rest = data.subarray(0, end);
  return false;
};

/** Offset of the last `count` lines of output. */
const findTail = async (file: FileHandle, count: number): Promise<number> => {
  const { size } = await file.stat();
  if (count <= 0) return size;
  const scan: TailScan = { begin: size, wanted: count, rest: Buffer.alloc(0) };
  for (let end = size; end > 0;) {
    const length = Math.min(CHUNK_BYTES, end);
    const block = Buffer.alloc(length);
    await file.read(block, 0, length, end - length);
    end -= length;
    if (scanBlock(scan, block, end)) return scan.begin;
  }
  return 0;
};

/** Resolves when the file may have changed, `ended` resolved, or `signal` aborted. */
const createChangeWait = (path: string, options: LogOptions): Disposable & { wait(): Promise<void> } => {
  let changed = false;
  let wake: (() => void) | undefined;
  const notify = (): void => {
    changed = true;
    wake?.();
  };
  const watcher = watch(path, notify);
  const timer = setInterval(notify, RECHECK_MS);
  options.signal?.addEventListener('abort', notify, { once: true });
  options.ended?.then(notify, notify);
  return {
    wait: async () => {
      if (!changed) await new Promise<void>((resolve) => (wake = resolve));
      changed = false;
    },
    [Symbol.dispose]: () => {
      clearInterval(timer);
      watcher.close();
      options.signal?.removeEventListener('abort', notify);
    },
  };
};

/** Complete lines from `position` to the present end of the file. */
const createLineReader = (file: FileHandle, begin: number): { read(): AsyncGenerator<Buffer> } => {
  let position = begin;
  let rest: Buffer = Buffer.alloc(0);
  const block = Buffer.alloc(CHUNK_BYTES);
  return {
    async *read() {
      for (;;) {
        const { bytesRead } = await file.read(block, 0, block.length, position);
        if (bytesRead === 0) return;
        position += bytesRead;
        rest = Buffer.concat([rest, block.subarray(0, bytesRead)]);
        let start = 0;
        for (let at = rest.indexOf(NEWLINE); at !== -1; at = rest.indexOf(NEWLINE, start)) {
          yield rest.subarray(start, at);
          start = at + 1;
        }
        rest = rest.subarray(start);
      }
    },
  };
};

const flagOf = (promise: Promise<unknown> | undefined): { readonly set: () => boolean } => {
  let set = false;
  const mark = (): void => {
    set = true;
  };
  promise?.then(mark, mark);
  return { set: () => set };
};

/**
 * Records of a log file as conmon wrote it, oldest first; a file that is not there has none.
 *
 * Without `follow` it ends at the file's present end. A record is one line, or a piece of one that was too long or
 * had no newline when it was written. Memory stays flat.
 */
export async function* readLogs(path: string, options: LogOptions = {}): AsyncGenerator<LogRecord> {
  const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return;
  const ended = flagOf(options.ended);
  using change = options.follow === true ? createChangeWait(path, options) : undefined;
  try {
    const reader = createLineReader(
      file,
      options.tail === undefined ? 0 : await findTail(file, options.tail),
    );
    for (;;) {
      const last = ended.set();
      for await (const line of reader.read()) {
        if (options.signal?.aborted === true) return;
        const record = parseLogLine(line);
        if (record === undefined || record.timeNs < (options.sinceNs ?? 0n)) continue;
        if (options.untilNs !== undefined && record.timeNs > options.untilNs) return;
        yield record;
      }
      if (change === undefined || last || options.signal?.aborted === true) return;
      await change.wait();
    }
  } finally {
    await file.close();
  }
}
