import {
  stepTitle,
  type BuildProgress,
  type BuildProgressEvent,
  type BuildScreen,
  type BuildStepView,
} from './build-progress.ts';
import { humanSize } from './sizes.ts';
import { visible } from './visible.ts';

interface LiveStep {
  readonly title: string;
  readonly startedAt: number;
  state: 'running' | 'cached' | 'done' | 'failed' | 'cancelled';
  durationMs: number;
  why: string | undefined;
  note: string;
  held: string;
  readonly log: string[];
}

interface Live {
  readonly screen: BuildScreen;
  readonly steps: Map<string, LiveStep>;
  readonly startedAt: number;
  total: number;
  /** Lines of the last drawing. */
  drawn: number;
  readonly messages: string[];
}

const LOG_LINES = 6;
const KEPT_LINES = 200;
const REDRAW_MS = 100;

const stepOf = (live: Live, step: BuildStepView): LiveStep => {
  const known = live.steps.get(step.id);
  if (known !== undefined) return known;
  const made: LiveStep = {
    title: visible(stepTitle(step)),
    startedAt: performance.now(),
    state: 'running',
    durationMs: 0,
    why: undefined,
    note: '',
    held: '',
    log: [],
  };
  live.steps.set(step.id, made);
  live.total = Math.max(live.total, step.total);
  return made;
};

// Importing node:util costs every command some milliseconds, whether it builds or not.
const stripEscapes = (text: string): string =>
  process.getBuiltinModule('node:util').stripVTControlCharacters(text);

/** What a line of output looks like without its escape sequences and overwritten parts. */
const cleanLine = (text: string): string => visible(stripEscapes(text).split('\r').findLast(Boolean) ?? '');

const addLog = (step: LiveStep, data: Uint8Array): void => {
  const lines = (step.held + Buffer.from(data).toString()).split('\n');
  step.held = lines.pop() ?? '';
  step.log.push(...lines.map(cleanLine));
  if (step.log.length > KEPT_LINES) step.log.splice(0, step.log.length - KEPT_LINES);
};

const secondsOf = (step: LiveStep): string => {
  const ms = step.state === 'running' ? performance.now() - step.startedAt : step.durationMs;
  return `${(ms / 1000).toFixed(1)}s`;
};

const rightAligned = (left: string, right: string, columns: number): string => {
  const room = Math.max(10, columns - right.length - 2);
  const characters = Array.from(left);
  const shown = characters.length > room ? `${characters.slice(0, room - 1).join('')}…` : left;
  return `${shown.padEnd(room)} ${right}`;
};

const MARKS = { running: '', cached: 'CACHED ', done: '', failed: 'ERROR ', cancelled: 'CANCELED ' } as const;

const linesOf = (step: LiveStep, columns: number): readonly string[] => {
  const head = rightAligned(` => ${MARKS[step.state]}${step.title}`, secondsOf(step), columns);
  const why = step.why === undefined ? [] : [` => => why: ${step.why}`.slice(0, columns - 1)];
  if (step.state !== 'running') return [head, ...why];
  const note = step.note === '' ? [] : [` => => ${step.note}`.slice(0, columns - 1)];
  const log = step.log.slice(-LOG_LINES).map((line) => ` => => # ${line}`.slice(0, columns - 1));
  return [head, ...why, ...note, ...log];
};

const draw = (live: Live, finished: boolean): void => {
  const columns = live.screen.columns();
  const steps = [...live.steps.values()];
  const done = steps.filter((step) => step.state !== 'running').length;
  const time = ((performance.now() - live.startedAt) / 1000).toFixed(1);
  const head = `[+] Building ${time}s (${done}/${live.total})${finished ? ' FINISHED' : ''}`;
  const body = steps.flatMap((step) => linesOf(step, columns));
  const room = Math.max(3, live.screen.rows() - 2);
  const lines = [head, ...(finished ? body : body.slice(-room))];
  const up = live.drawn === 0 ? '' : `\u001B[${live.drawn}A\r`;
  live.screen.write(`${up}\u001B[0J${live.messages.splice(0).join('')}${lines.join('\n')}\n`);
  live.drawn = lines.length;
};

const pullNote = (event: Extract<BuildProgressEvent, { kind: 'pull' }>): string => {
  const size =
    event.total === undefined ? '' : ` ${humanSize(event.current ?? 0, 3)} / ${humanSize(event.total, 3)}`;
  return visible(`${event.id} ${event.status}`) + size;
};

const finish = (
  step: LiveStep,
  state: LiveStep['state'],
  durationMs = performance.now() - step.startedAt,
): void => {
  if (step.held !== '') addLog(step, Buffer.from('\n'));
  step.state = state;
  step.durationMs = durationMs;
};

const apply = (live: Live, event: BuildProgressEvent, why: string | undefined): void => {
  switch (event.kind) {
    case 'build-started':
      return;
    case 'step-started':
      [stepOf(live, event.step).why] = why?.split('\n') ?? [];
      return;
    case 'step-cached':
      return finish(stepOf(live, event.step), 'cached', 0);
    case 'step-log':
      return addLog(stepOf(live, event.step), event.data);
    case 'step-done':
      return finish(stepOf(live, event.step), 'done', event.durationMs);
    case 'step-failed':
      return finish(stepOf(live, event.step), 'failed', event.durationMs);
    case 'step-cancelled':
      return finish(stepOf(live, event.step), 'cancelled');
    case 'pull':
      if (event.step !== undefined) stepOf(live, event.step).note = pullNote(event);
      return;
    case 'warning':
      live.messages.push(`WARN: ${visible(event.message)}\n`);
      return;
    case 'status':
      live.messages.push(`${visible(event.message)}\n`);
      return;
    default:
      event satisfies never;
  }
};

/** The output of a failed step, which the live view showed only in part. */
const failure = (step: LiveStep): string =>
  ['------', ` > ${step.title}:`, ...step.log, '------', ''].join('\n');

/** A view that is redrawn in place. */
export const createLiveBuild = (screen: BuildScreen): BuildProgress => {
  const live: Live = {
    screen,
    steps: new Map(),
    startedAt: performance.now(),
    total: 0,
    drawn: 0,
    messages: [],
  };
  const timer = setInterval(() => draw(live, false), REDRAW_MS);
  return {
    show: (event, why) => apply(live, event, why),
    end() {
      clearInterval(timer);
      draw(live, true);
      for (const step of live.steps.values()) if (step.state === 'failed') screen.write(failure(step));
    },
  };
};
