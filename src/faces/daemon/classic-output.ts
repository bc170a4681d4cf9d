import { StringDecoder } from 'node:string_decoder';
import type { ProgressLine } from '#api';
import type { BuildEvent, BuildResult, BuildStep } from '#builder';
import { containerName, createClassicIds, shortImageId } from './classic-ids.ts';

export interface ClassicOptions {
  /** Containers of RUN steps are removed when they end well, and (`force`) when they fail. */
  readonly remove: { readonly success: boolean; readonly failure: boolean };
}

/** What Docker's classic builder prints. */
export interface ClassicOutput {
  show(event: BuildEvent): void;
  /** Writes what was held back. */
  end(): void;
  finish(result: BuildResult, tags: readonly string[]): void;
}

/** What one step has to say, and whether it has ended. */
interface StepLines {
  readonly step: BuildStep;
  readonly lines: ProgressLine[];
  readonly decoders: { readonly stdout: StringDecoder; readonly stderr: StringDecoder };
  readonly container: string;
  layer: string | undefined;
  state: 'running' | 'cached' | 'done' | 'failed';
}

const text = (stream: string): ProgressLine => ({ stream });

const isRun = (step: BuildStep): boolean =>
  step.kind === 'filesystem' && /^RUN\b/i.test(step.written ?? step.name);

const RED = '\u001B[91m';
const PLAIN = '\u001B[0m';

const outputOf = (
  own: StepLines,
  event: Extract<BuildEvent, { kind: 'step-log' }>,
): readonly ProgressLine[] => {
  const output = own.decoders[event.stream].write(Buffer.from(event.data));
  if (output === '') return [];
  return [text(event.stream === 'stderr' ? `${RED}${output}${PLAIN}` : output)];
};

const pullLine = (event: Extract<BuildEvent, { kind: 'pull' }>): ProgressLine => ({
  status: event.status,
  id: event.id,
  progressDetail: event.current === undefined ? {} : { current: event.current, total: event.total },
});

const titleLines = ({ step }: StepLines, number: number, total: number): readonly ProgressLine[] => [
  text(`Step ${number}/${total} : ${step.written ?? step.name}`),
  text('\n'),
];

type StepEvent = Extract<BuildEvent, { step: unknown }>;

const take = (own: StepLines, event: StepEvent): void => {
  switch (event.kind) {
    case 'step-log':
      own.lines.push(...outputOf(own, event));
      return;
    case 'pull':
      own.lines.push(pullLine(event));
      return;
    case 'step-started':
      if (isRun(own.step)) own.lines.push(text(` ---> Running in ${own.container}\n`));
      return;
    case 'step-cached':
      [own.state, own.layer] = ['cached', event.layer];
      return;
    case 'step-done':
      [own.state, own.layer] = ['done', event.layer];
      return;
    case 'step-failed':
    case 'step-cancelled':
      own.state = 'failed';
      return;
    default:
      event satisfies never;
  }
};

/** How far settings are looked past for a step that was cached or not. */
const SIGHT = 64;

const sentence = (message: string): string => message.charAt(0).toUpperCase() + message.slice(1);

/**
 * Turns build events into the lines of Docker's classic builder, in the order of the Dockerfile: steps that run at the
 * same time are shown one after another, the first that has not ended live.
 */
export const createClassicOutput = (
  write: (line: ProgressLine) => void,
  options: ClassicOptions,
): ClassicOutput => {
  const waiting = new Map<string, StepLines>();
  const byIndex = new Map<number, StepLines>();
  let current: StepLines | undefined;
  /** Triggers of base images shift the numbers of what comes after: then steps are shown as they come. */
  let shifted = false;
  const idOf = createClassicIds();
  const warnings: string[] = [];
  /** Stages of which every step so far came from the cache. */
  const cached = new Map<string, boolean>();
  let [shown, total, lastId] = [0, 0, ''];

  /** The first step behind a setting that is none, within sight: files like these a build may have 10^5 of. */
  const behind = ({ index, stage }: BuildStep): StepLines | undefined => {
    for (let at = index + 1; at <= index + SIGHT; at += 1) {
      const next = byIndex.get(at);
      if (next?.step.kind !== 'metadata' || next.step.stage !== stage) return next;
    }
    return undefined;
  };
  /** Settings have no cache of their own: they come from it with the files before them, or else after them. */
  const isSettingCached = (step: BuildStep): boolean => {
    const next = behind(step);
    return cached.get(step.stage) ?? (next?.step.stage === step.stage && next.state === 'cached');
  };
  /** Whether the first settings of a stage have been told, and not what follows them: it is told in the same moment. */
  const isUndecided = ({ step, state }: StepLines, latest: BuildStep): boolean =>
    step.kind === 'metadata' &&
    state === 'done' &&
    !cached.has(step.stage) &&
    latest.kind === 'metadata' &&
    latest.stage === step.stage &&
    latest.index < step.index + SIGHT;

  const endOf = (own: StepLines): readonly ProgressLine[] => {
    const { step, state, container } = own;
    const removed = text(`Removing intermediate container ${container}\n`);
    if (state === 'failed') return isRun(step) && options.remove.failure ? [removed] : [];
    if (step.kind === 'filesystem')
      cached.set(step.stage, state === 'cached' && cached.get(step.stage) !== false);
    const hit = step.kind === 'metadata' ? isSettingCached(step) : state === 'cached';
    lastId = idOf(step, own.layer);
    return [
      ...(hit ? [text(' ---> Using cache\n')] : []),
      ...(isRun(step) && state === 'done' && options.remove.success ? [removed] : []),
      // The last one is that of the image, which is known when the build has ended.
      ...(shown === total ? [] : [text(` ---> ${lastId}\n`)]),
    ];
  };
  /** Writes what a step has to say; returns whether it has ended. */
  const advance = (own: StepLines): boolean => {
    if (current !== own) {
      shown = Math.max(shown + 1, own.step.index);
      for (const line of titleLines(own, shown, total)) write(line);
    }
    current = own;
    for (const line of own.lines.splice(0)) write(line);
    if (own.state === 'running') return false;
    for (const line of endOf(own)) write(line);
    waiting.delete(own.step.id);
    if (byIndex.get(own.step.index) === own) byIndex.delete(own.step.index);
    current = undefined;
    return true;
  };
  const first = (): StepLines | undefined => waiting.values().next().value;
  const flush = (latest: BuildStep): void => {
    for (;;) {
      const next = current ?? byIndex.get(shown + 1) ?? (shifted ? first() : undefined);
      if (next === undefined || isUndecided(next, latest) || !advance(next)) return;
    }
  };
  const entryOf = (step: BuildStep): StepLines => {
    const known = waiting.get(step.id);
    if (known !== undefined) return known;
    const decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
    const made: StepLines = {
      step,
      lines: [],
      decoders,
      container: containerName(),
      layer: undefined,
      state: 'running',
    };
    waiting.set(step.id, made);
    byIndex.set(step.index, made);
    shifted ||= total !== 0 && total !== step.total;
    total = Math.max(total, step.total);
    return made;
  };
  const end = (): void => {
    const left = Array.from(waiting.values()).toSorted((a, b) => a.step.index - b.step.index);
    for (const own of left)
      if (own === current || own.state === 'failed' || own.state === 'done' || own.lines.length > 1)
        advance(own);
    waiting.clear();
    for (const warning of warnings.splice(0)) write(text(`[Warning] ${sentence(warning)}\n`));
  };
  return {
    show(event) {
      if (event.kind === 'build-started' || event.kind === 'step-kept' || event.kind === 'status') return;
      // Docker's classic builder checks nothing: what is about a line of the Dockerfile is for others.
      if (event.kind === 'warning') {
        if (event.range === undefined) warnings.push(event.message);
      } else if (event.kind === 'pull' && event.step === undefined) write(pullLine(event));
      else if (event.step !== undefined) {
        take(entryOf(event.step), event);
        flush(event.step);
      }
    },
    end,
    finish({ imageId }, tags) {
      const short = shortImageId(imageId);
      const held = warnings.splice(0);
      end();
      write(text(` ---> ${short}\n`));
      write({ aux: { ID: imageId } });
      for (const warning of held) write(text(`[Warning] ${sentence(warning)}\n`));
      write(text(`Successfully built ${short}\n`));
      for (const tag of tags) write(text(`Successfully tagged ${tag}\n`));
    },
  };
};
