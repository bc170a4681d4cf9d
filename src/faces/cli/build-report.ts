import type { BuildDetails, StepTrace } from '#api';
import { ellipsis, goTime, humanSize, stepTitle, visible } from '#console';
import { buildDuration } from './build-history.ts';
import { explainMiss } from './miss-reasons.ts';

/** Reasons shown for one step unless all are asked for. */
const MAX_REASONS = 20;

const took = (ms: number): string => `${(ms / 1000).toFixed(1)}s`;

/** What became of a step, in a few words. */
const outcome = (step: StepTrace): string => {
  if (step.state === 'cached') return 'hit';
  if (step.kind !== 'filesystem') return step.state === 'done' ? '' : step.state;
  const size = step.layerSize === undefined ? [] : [`layer of ${humanSize(step.layerSize, 3)}`];
  const state = step.state === 'done' ? [] : [step.state];
  const told = step.reasons.length > 0 ? ['miss'] : ['executed'];
  return [...told, ...state, took(step.durationMs), ...size].join(', ');
};

const firstLine = (text: string): string => visible(text.split('\n', 1)[0] ?? '');

const stepLines = (step: StepTrace, most: number): readonly string[] => {
  const said = outcome(step);
  const title = ellipsis(stepTitle(step), 120);
  const reasons = step.reasons.slice(0, most).map((reason) => `      because ${explainMiss(reason)}`);
  const more = step.reasons.length - reasons.length;
  return [
    said === '' ? title : `${title}: ${said}`,
    ...reasons,
    ...(more > 0 ? [`      and ${more} more reasons (--all shows them)`] : []),
    ...(step.message === undefined ? [] : [`      ${firstLine(step.message)}`]),
  ];
};

/** Hit or miss of each step, and why. */
export const explainReport = (build: BuildDetails, options: { readonly all: boolean }): string => {
  const most = options.all ? Number.POSITIVE_INFINITY : MAX_REASONS;
  return build.steps.flatMap((step) => [...stepLines(step, most), '']).join('\n');
};

const row = (name: string, value: string): readonly string[] =>
  value === '' ? [] : [`${`${name}:`.padEnd(14)}${visible(value)}`];

/** All that is known of a build, for people. */
export const buildReport = (build: BuildDetails): string => {
  const { counts, failure } = build;
  return [
    ...row('Build', build.id),
    ...row('Status', build.status),
    ...row('Started', goTime(build.startedAt / 1000)),
    ...row('Duration', buildDuration(build)),
    ...row('Context', build.context),
    ...row('Dockerfile', build.dockerfile),
    ...row('Target', build.target ?? ''),
    ...row('Platforms', build.platforms.join(', ')),
    ...row('Tags', build.tags.join(', ')),
    ...row('Image', build.imageId ?? ''),
    ...row('Steps', `${counts.total}, ${counts.cached} from the cache, ${counts.executed} executed`),
    ...row('Log', humanSize(build.logBytes, 3)),
    ...row('Error', failure?.message.split('\n', 1)[0] ?? ''),
    ...build.warnings.flatMap((warning) => row('Warning', warning)),
    '',
    explainReport(build, { all: false }),
  ].join('\n');
};
