import { readFileSync } from 'node:fs';
import { parseBytes } from '#console';
import { parseDuration } from '#units';
import * as z from 'zod';

const NANOSECONDS_PER_MS = 1e6;
const DAY_MS = 24 * 60 * 60 * 1000;

const readDuration = (text: string): number | undefined => {
  const days = /^(\d+)d$/.exec(text);
  if (days !== null) return Number(days[1]) * DAY_MS;
  const nanoseconds = parseDuration(text);
  return nanoseconds === undefined || nanoseconds < 0 ? undefined : nanoseconds / NANOSECONDS_PER_MS;
};

/** A length of time such as `30s`, `1h30m`, `0` or `14d`; becomes milliseconds. */
export const duration = () =>
  z
    .union([z.string(), z.literal(0)])
    .transform((text, context) => {
      const ms = readDuration(String(text));
      if (ms !== undefined) return ms;
      context.issues.push({
        code: 'custom',
        input: text,
        message: 'write a duration such as 30s, 12h or 14d',
      });
      return z.NEVER;
    })
    .meta({ kind: 'duration' });

/** A number of bytes such as `512MiB` or `50GiB` (units are powers of 1024); becomes a number. */
export const byteSize = () =>
  z
    .union([z.string(), z.int().nonnegative()])
    .transform((value, context) => {
      try {
        return parseBytes(String(value));
      } catch {
        context.issues.push({
          code: 'custom',
          input: value,
          message: 'write a size such as 512MiB or 50GiB',
        });
        return z.NEVER;
      }
    })
    .meta({ kind: 'size' });

const SECRET_BYTES = 64 * 1024;

const secretIn = (path: string): string => {
  const bytes = readFileSync(path);
  if (bytes.length > SECRET_BYTES) throw new Error('it is too long for a secret');
  return bytes.toString('utf8').trim();
};

/** A secret: the text itself, or `{ file: PATH }`; becomes the text. Never printed. */
export const secret = () =>
  z
    .union([z.string().min(1), z.strictObject({ file: z.string().min(1) })])
    .transform((value, context) => {
      if (typeof value === 'string') return value;
      try {
        const text = secretIn(value.file);
        if (text !== '') return text;
        context.issues.push({ code: 'custom', input: value.file, message: `${value.file} is empty` });
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        context.issues.push({ code: 'custom', input: value.file, message });
      }
      return z.NEVER;
    })
    .meta({ kind: 'secret' });

/** Where to listen. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const MAX_PORT = 65_535;

/** Reads `HOST:PORT`, `[V6]:PORT` or `:PORT`, which means every address. */
export const parseHostPort = (text: string): HostPort | undefined => {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > MAX_PORT) return undefined;
  return { host: (match[1] ?? match[2] ?? '') || '0.0.0.0', port };
};

/** An address such as `127.0.0.1:5000`; becomes host and port. */
export const listenAddress = () =>
  z
    .string()
    .transform((text, context) => {
      const address = parseHostPort(text);
      if (address !== undefined) return address;
      context.issues.push({ code: 'custom', input: text, message: `${text} is not HOST:PORT` });
      return z.NEVER;
    })
    .meta({ kind: 'address' });
