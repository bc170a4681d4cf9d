import { byteSize, duration } from '#settings';
import * as z from 'zod';
import type { ProtocolLimits } from './types.ts';

const LEAST_MANIFEST = 4_000_000;

/** Bounds on what clients may send. */
export const limitsSettings = z.strictObject({
  manifest: byteSize()
    .refine((bytes) => bytes >= LEAST_MANIFEST, 'distribution-spec asks for 4 MB at least')
    .prefault('4MiB')
    .describe('The largest manifest that is accepted; larger ones are answered with 413.'),
  blob: byteSize()
    .refine((bytes) => bytes > 0, 'must be more than nothing')
    .optional()
    .describe('The largest blob that is accepted; without limit when absent.'),
  bodyIdle: duration()
    .prefault('5m')
    .describe(
      'A connection that sends nothing of its body for so long is cut; the upload can go on. 0 for never.',
    ),
  headers: duration()
    .refine((ms) => ms > 0, 'must be more than nothing')
    .prefault('1m')
    .describe('Time in which a connection must have sent the headers of a request.'),
});

export type LimitsSettings = z.output<typeof limitsSettings>;

/** What the protocol takes of the settings. */
export const protocolLimits = ({ manifest, blob, bodyIdle }: LimitsSettings): ProtocolLimits => ({
  manifestBytes: manifest,
  blobBytes: blob,
  bodyIdleMs: bodyIdle,
});
