import { StringDecoder } from 'node:string_decoder';
import { monotonicMs } from './clock.ts';
import type { BuildProgressEvent, BuildStepView } from './build-progress.ts';
import { humanSize } from './sizes.ts';
import { isShown, keptMessage, stepTitle } from './step-title.ts';
import { visible } from './visible.ts';

/** What is being fetched or sent for a step. */
export interface LiveTransfer {
  readonly text: string;
  readonly startedAt: number;
}

/** A line of the live view with what hangs below it. */
export interface LiveStep {
  readonly title: string;
  readonly startedAt: number;
  state: 'running' | 'cached' | 'done' | 'failed' | 'cancelled';
  durationMs: number;
  why: readonly string[];
  readonly transfers: Map<string, LiveTransfer>;
  readonly decoder: StringDecoder;
  held: string;
  /** The last lines of output. */
  readonly log: string[];
}

/** What the live view knows. */
export interface LiveSteps {
  readonly steps: Map<string, LiveStep>;
  /** Steps that there will be, by stage. */
  readonly expected: Map<string, number>;
  /** Whole lines to write above the view. */
  readonly messages: { readonly text: string }[];
  readonly warnings: string[];
}

const KEPT_LINES = 200;
/** Of a longer line the end is kept: some programs never end theirs. */
const MAX_LINE = 64 * 1024;
const MAX_TRANSFERS = 64;

const add = (live: LiveSteps, id: string, title: string): LiveStep => {
  const known = live.steps.get(id);
  if (known !== undefined) return known;
  const made: LiveStep = {
    title: visible(title),
    startedAt: monotonicMs(),
    state: 'running',
    durationMs: 0,
    why: [],
    transfers: new Map(),
    decoder: new StringDecoder('utf8'),
    held: '',
    log: [],
  };
  live.steps.set(id, made);
  return made;
};

const stepOf = (live: LiveSteps, step: BuildStepView): LiveStep => {
  const stage = step.inStage === undefined ? '' : `${step.platform ?? ''} ${step.stage}`;
  live.expected.set(stage, Math.max(live.expected.get(stage) ?? 0, step.inStage?.total ?? step.total));
  return add(live, step.id, stepTitle(step));
};

// Importing node:util costs every command some milliseconds, whether it builds or not.
const stripEscapes = (text: string): string =>
  process.getBuiltinModule('node:util').stripVTControlCharacters(text);

/** What a line of output looks like without its escape sequences and overwritten parts. */
const cleanLine = (text: string): string =>
  visible((stripEscapes(text).split('\r').findLast(Boolean) ?? '').replaceAll('\t', '        '));

const addLog = (step: LiveStep, text: string): void => {
  const lines = (step.held + text).split('\n');
  step.held = (lines.pop() ?? '').slice(-MAX_LINE);
  step.log.push(...lines.map(cleanLine));
  if (step.log.length > KEPT_LINES) step.log.splice(0, step.log.length - KEPT_LINES);
};

const finish = (
  step: LiveStep,
  state: LiveStep['state'],
  durationMs = monotonicMs() - step.startedAt,
): void => {
  if (step.held !== '') addLog(step, '\n');
  step.state = state;
  step.durationMs = durationMs;
};

const sizeText = (current: number | undefined, total: number | undefined): string => {
  if (current === undefined) return '';
  return total === undefined || total === 0
    ? ` ${humanSize(current, 3)}`
    : ` ${humanSize(current, 3)} / ${humanSize(total, 3)}`;
};

const addTransfer = (step: LiveStep, id: string, text: string): void => {
  const startedAt = step.transfers.get(id)?.startedAt ?? monotonicMs();
  if (step.transfers.size < MAX_TRANSFERS || step.transfers.has(id))
    step.transfers.set(id, { text, startedAt });
};

const pull = (live: LiveSteps, event: Extract<BuildProgressEvent, { kind: 'pull' }>): void => {
  if (event.step === undefined) return;
  const text = visible(`${event.id} ${event.status}`.trim()) + sizeText(event.current, event.total);
  addTransfer(stepOf(live, event.step), event.id, text);
};

const transfer = (live: LiveSteps, event: Extract<BuildProgressEvent, { kind: 'transfer' }>): void => {
  const step = add(live, `transfer ${event.id}`, event.title);
  live.expected.set(`transfer ${event.id}`, 1);
  addTransfer(step, event.id, visible(event.text) + sizeText(event.current, event.total));
  if (event.done) finish(step, 'done');
};

/** Marks what still runs when nothing more will be told. */
export const cancelRest = (live: LiveSteps): void => {
  for (const step of live.steps.values()) if (step.state === 'running') finish(step, 'cancelled');
};

/** Takes in what a build tells; what stood in `live` is changed. */
export const applyEvent = (live: LiveSteps, event: BuildProgressEvent, why: string | undefined): void => {
  if ('step' in event && event.step !== undefined && !isShown(event.step)) return;
  switch (event.kind) {
    case 'build-started':
      return;
    case 'step-started':
      stepOf(live, event.step).why = why?.split('\n') ?? [];
      return;
    case 'step-cached':
      return finish(stepOf(live, event.step), 'cached', 0);
    case 'step-log': {
      const step = stepOf(live, event.step);
      return addLog(step, step.decoder.write(Buffer.from(event.data)));
    }
    case 'step-done':
      return finish(stepOf(live, event.step), 'done', event.durationMs);
    case 'step-failed':
      return finish(stepOf(live, event.step), 'failed', event.durationMs);
    case 'step-cancelled':
      return finish(stepOf(live, event.step), 'cancelled');
    case 'pull':
      return pull(live, event);
    case 'transfer':
      return transfer(live, event);
    case 'warning':
      live.warnings.push(event.message);
      return;
    case 'step-kept':
      live.messages.push({ text: keptMessage(event) });
      return;
    case 'status':
      live.messages.push({ text: visible(event.message) });
      return;
    default:
      event satisfies never;
  }
};
