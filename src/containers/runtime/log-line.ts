import type { LogRecord, OutputStream } from './types.ts';

const SPACE = 0x20;
const NEWLINE = Buffer.from('\n');

const NS_PER_MS = 1_000_000n;

/** Nanoseconds since 1970 of an RFC 3339 time with any number of fraction digits. */
export const parseTimeNs = (text: string): bigint | undefined => {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (match === null) return undefined;
  const [, seconds = '', fraction = '', zone = ''] = match;
  return BigInt(Date.parse(seconds + zone)) * NS_PER_MS + BigInt(fraction.padEnd(9, '0'));
};

/** RFC 3339 in UTC with nine fraction digits, as Docker prints times of logs. */
export const formatTimeNs = (timeNs: bigint): string => {
  const seconds = timeNs / 1_000_000_000n;
  const fraction = String(timeNs % 1_000_000_000n).padStart(9, '0');
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
};

/**
 * One line of the log on disk, without its newline: `TIME STREAM F|P DATA`, the CRI log format that conmon writes.
 * Undefined when it is not one.
 */
export const parseLogLine = (line: Buffer): LogRecord | undefined => {
  const first = line.indexOf(SPACE);
  const second = line.indexOf(SPACE, first + 1);
  const third = line.indexOf(SPACE, second + 1);
  if (first === -1 || second === -1 || third === -1) return undefined;
  const timeNs = parseTimeNs(line.toString('latin1', 0, first));
  const stream = line.toString('latin1', first + 1, second);
  const tag = line.toString('latin1', second + 1, third);
  if (timeNs === undefined || (stream !== 'stdout' && stream !== 'stderr')) return undefined;
  const partial = tag === 'P';
  const data = line.subarray(third + 1);
  return {
    stream: stream satisfies OutputStream,
    timeNs,
    data: partial ? Buffer.from(data) : Buffer.concat([data, NEWLINE]),
    partial,
  };
};
