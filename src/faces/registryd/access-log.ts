import { closeSync, openSync, write } from 'node:fs';
import type { Served } from './traffic.ts';

/** Writes one JSON line for each request. */
export interface AccessLog extends AsyncDisposable {
  record(served: Served): void;
  /** Opens the file again, after it was moved away. */
  reopen(): void;
}

const FLUSH_MS = 100;
const FLUSH_CHARACTERS = 64 * 1024;
/** Lines that a stuck reader does not take are dropped and counted. */
const MAX_CHARACTERS = 8 * 1024 * 1024;
const MAX_PATH = 1000;
const MAX_AGENT = 300;

// What JSON leaves as it is although terminals and line readers act on it.
// eslint-disable-next-line no-control-regex
const UNSAFE = /[\u007f-\u009f\u2028\u2029]/g;

const quoted = (text: string): string =>
  JSON.stringify(text).replaceAll(UNSAFE, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** One request as one line of JSON; nothing that a client sends can make it two. */
export const accessLine = (served: Served, time: Date): string => {
  const { facts, method, path, status, sent, received, seconds, agent, aborted } = served;
  return (
    `{"time":"${time.toISOString()}","id":${quoted(facts.id)},"method":${quoted(method)},` +
    `"path":${quoted(path.slice(0, MAX_PATH))},"status":${status},"bytes":${sent},"received":${received},` +
    `"ms":${(seconds * 1000).toFixed(1)},"caller":${quoted(facts.caller ?? '')},` +
    `"address":${quoted(facts.address ?? 'local')},"agent":${quoted((agent ?? '').slice(0, MAX_AGENT))}` +
    `${aborted ? ',"aborted":true' : ''}}\n`
  );
};

const openTarget = (target: string): number => {
  if (target === 'stdout') return 1;
  return target === 'stderr' ? 2 : openSync(target, 'a', 0o640);
};

/** An access log on `stdout`, `stderr` or in a file. Lines are written in groups, ten times a second. */
export const createAccessLog = (target: string): AccessLog => {
  let descriptor = openTarget(target);
  let lines: string[] = [];
  let [waiting, dropped] = [0, 0];
  let writing: Promise<void> | undefined;

  const writeAll = async (bytes: Buffer): Promise<void> => {
    let offset = 0;
    while (offset < bytes.length) {
      const { promise, resolve } = Promise.withResolvers<number>();
      // What cannot be written is lost: a log must not stop the registry.
      write(descriptor, bytes, offset, (error, count) => resolve(error === null ? count : bytes.length));
      offset += await promise;
    }
  };
  const flush = (): Promise<void> => {
    if (writing !== undefined) return writing;
    if (waiting === 0) return Promise.resolve();
    if (dropped > 0) lines.push(`{"time":"${new Date().toISOString()}","dropped":${dropped}}\n`);
    const bytes = Buffer.from(lines.join(''));
    [lines, waiting, dropped] = [[], 0, 0];
    writing = writeAll(bytes).finally(() => {
      writing = undefined;
    });
    return writing;
  };
  const timer = setInterval(() => void flush(), FLUSH_MS).unref();
  return {
    record: (served) => {
      if (waiting > MAX_CHARACTERS) {
        dropped += 1;
        return;
      }
      const line = accessLine(served, new Date());
      lines.push(line);
      waiting += line.length;
      if (waiting > FLUSH_CHARACTERS) void flush();
    },
    reopen: () => {
      if (descriptor <= 2) return;
      const old = descriptor;
      descriptor = openTarget(target);
      void (writing ?? Promise.resolve()).then(() => closeSync(old));
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await flush();
      await flush();
      if (descriptor > 2) closeSync(descriptor);
    },
  };
};
