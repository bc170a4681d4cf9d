import { isPattern } from '#metadata';
import { byteSize, duration } from '#settings';
import * as z from 'zod';
import type { RetentionRule } from './rules.ts';
import { parseClockWindow, type Schedule } from './schedule.ts';
import type { KeepingOptions } from './types.ts';

const pattern = () => z.string().refine(isPattern, 'is no pattern: use names with * and **, such as team/**');

const clockWindow = () =>
  z.string().refine((text) => parseClockWindow(text) !== undefined, 'write a time such as 01:00-05:30');

const scheduleSettings = (every: string) => ({
  every: duration().prefault(every).describe('How often by itself; 0 for never.'),
  between: clockWindow()
    .optional()
    .describe('Only begins at this time of day, local time.')
    .meta({ example: '01:00-05:30' }),
});

const tagKeeper = z.strictObject({
  tags: z.array(pattern()).min(1).optional().describe('Patterns of tags; all tags when absent.'),
  lastPushed: z.int().nonnegative().optional().describe('Keep the newest so many.'),
  lastPulled: z.int().nonnegative().optional().describe('Keep the so many that were pulled last.'),
  pushedWithin: duration().optional().describe('Keep what was pushed within this time.'),
  pulledWithin: duration().optional().describe('Keep what was pulled within this time.'),
});

const rule = z.strictObject({
  repositories: z
    .array(pattern())
    .min(1)
    .describe('Patterns of repositories; of several rules the one with the most specific pattern counts.'),
  tags: z
    .array(tagKeeper)
    .optional()
    .describe(
      'A tag goes when its name matches and no entry that matches keeps it. An entry without a condition keeps.',
    ),
  untagged: z
    .strictObject({
      releasedWithin: duration()
        .optional()
        .describe('Keep what lost its last tag or index within this time.'),
      pulledWithin: duration().optional().describe('Keep what was pulled within this time.'),
    })
    .optional()
    .describe('Manifests without a tag that nothing refers to; kept for ever when absent.'),
});

/** The section `keeping` of a registry's settings. */
export const keepingSettings = z.strictObject({
  uploadWindow: duration()
    .prefault('1h')
    .describe(
      'How long an upload may take from its first blob, mount or HEAD to its manifest: so long nothing of it goes.',
    ),
  undoFor: duration().prefault('24h').describe('How long what was removed can be brought back.'),
  uploadIdle: duration().prefault('7d').describe('How long an upload that nobody goes on with is kept.'),
  gc: z
    .strictObject(scheduleSettings('1h'))
    .prefault({})
    .describe('Garbage collection: removes what the rules drop and what nothing needs.'),
  check: z
    .strictObject({
      ...scheduleSettings('0'),
      rate: byteSize().prefault('50MiB').describe('Bytes read in a second.'),
      repair: z.boolean().default(false).describe('Quarantine what is corrupt and mend what can be mended.'),
    })
    .prefault({})
    .describe('Reads everything and compares it with its digests.'),
  retention: z
    .array(rule)
    .prefault([])
    .describe('What repositories keep. Without a rule everything.')
    .meta({ example: [{ repositories: ['team/**'], tags: [{ tags: ['pr-*'], lastPushed: 10 }] }] }),
});

export type KeepingSettings = z.output<typeof keepingSettings>;

const ruleOf = ({ repositories, tags, untagged }: KeepingSettings['retention'][number]): RetentionRule => ({
  repositories,
  tags: tags?.map(({ pushedWithin, pulledWithin, ...keeper }) => ({
    ...keeper,
    pushedWithinMs: pushedWithin,
    pulledWithinMs: pulledWithin,
  })),
  untagged:
    untagged === undefined
      ? undefined
      : { releasedWithinMs: untagged.releasedWithin, pulledWithinMs: untagged.pulledWithin },
});

/** What the settings say, as keeping takes it. */
export const keepingOptions = (settings: KeepingSettings): KeepingOptions => ({
  uploadWindowMs: settings.uploadWindow,
  undoForMs: settings.undoFor,
  uploadIdleMs: settings.uploadIdle,
  rules: settings.retention.map(ruleOf),
});

const scheduleOf = ({
  every,
  between,
}: {
  readonly every: number;
  readonly between?: string | undefined;
}): Schedule => ({
  everyMs: every,
  between: between === undefined ? undefined : parseClockWindow(between),
});

/** When collections and checks begin by themselves. */
export const keepingSchedules = ({ gc, check }: KeepingSettings) => ({
  gc: scheduleOf(gc),
  check: scheduleOf(check),
});
