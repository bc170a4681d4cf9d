import { monotonicMs } from './clock.ts';
import type { BuildTone, Paint } from './build-colors.ts';
import type { BuildProgress, BuildScreen } from './build-progress.ts';
import { applyEvent, cancelRest, type LiveStep, type LiveSteps } from './build-steps.ts';
import { warningLines } from './step-title.ts';
import { clipToWidth, displayWidth } from './display-width.ts';

const LOG_LINES = 6;
const WHY_LINES = 3;
const REDRAW_MS = 100;
/** Narrower terminals show no times. */
const NARROW = 30;

interface Live extends LiveSteps {
  readonly screen: BuildScreen;
  readonly paint: Paint;
  readonly startedAt: number;
  /** Columns of each line that stands on the screen. */
  drawn: readonly number[];
  last: string;
}

/** A line of the view; `text` fits, and has no colours yet. */
interface Line {
  readonly text: string;
  readonly tone?: BuildTone | undefined;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)}s`;

const elapsed = (step: LiveStep): number =>
  step.state === 'running' ? monotonicMs() - step.startedAt : step.durationMs;

/** The last column stays free: terminals go to the next line when it is written. */
const withTime = (left: string, ms: number, columns: number): string => {
  if (columns < NARROW) return clipToWidth(left, columns - 1);
  const right = seconds(ms);
  const room = columns - 2 - right.length;
  const shown = clipToWidth(left, room);
  return `${shown}${' '.repeat(Math.max(0, room - displayWidth(shown)))} ${right}`;
};

const MARKS = { running: '', cached: 'CACHED ', done: '', failed: 'ERROR ', cancelled: 'CANCELED ' } as const;
const STEP_TONES = {
  running: undefined,
  cached: 'done',
  done: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
} as const;

const headOf = (step: LiveStep, columns: number): Line => ({
  text: withTime(` => ${MARKS[step.state]}${step.title}`, elapsed(step), columns),
  tone: STEP_TONES[step.state],
});

/** What hangs below a step: why it runs, what is fetched, and its last lines of output. */
const detailsOf = (step: LiveStep, columns: number, logLines: number): readonly Line[] => {
  const why = step.why.slice(0, WHY_LINES).map((reason) => ` => => why: ${reason}`);
  const clip = (text: string): Line => ({ text: clipToWidth(text, columns - 1) });
  if (step.state !== 'running') return why.map(clip);
  const transfers = Array.from(step.transfers.values()).slice(-LOG_LINES);
  return [
    ...why.map(clip),
    ...transfers.map(({ text, startedAt }) => ({
      text: withTime(` => => ${text}`, monotonicMs() - startedAt, columns),
    })),
    ...(logLines === 0 ? [] : step.log.slice(-logLines)).map((line) => clip(` => => # ${line}`)),
  ];
};

/** The steps in `room` lines: first finished ones leave, the oldest first, then output of those that run. */
const bodyOf = (steps: readonly LiveStep[], columns: number, room: number): readonly Line[] => {
  for (let logLines = LOG_LINES; ; logLines -= 1) {
    const blocks = steps.map((step) => [headOf(step, columns), ...detailsOf(step, columns, logLines)]);
    let size = blocks.reduce((sum, block) => sum + block.length, 0);
    const kept = blocks.filter((block, at) => {
      if (size <= room || steps[at]?.state === 'running') return true;
      size -= block.length;
      return false;
    });
    if (size <= room || logLines === 0) return kept.flat().slice(-room);
  }
};

const totalOf = (live: Live): number =>
  Math.max(
    live.steps.size,
    live.expected.values().reduce((sum, count) => sum + count, 0),
  );

const frameOf = (live: Live, columns: number, finished: boolean): readonly Line[] => {
  const steps = [...live.steps.values()];
  const done = steps.filter((step) => step.state !== 'running').length;
  const time = seconds(monotonicMs() - live.startedAt);
  const head = `[+] Building ${time} (${done}/${totalOf(live)})${finished ? ' FINISHED' : ''}`;
  const room = finished ? Number.POSITIVE_INFINITY : Math.max(2, live.screen.rows() - 2);
  const tone = steps.some((step) => step.state === 'failed') ? 'failed' : 'done';
  return [
    { text: clipToWidth(head, columns - 1), tone: finished ? tone : undefined },
    ...bodyOf(steps, columns, room),
  ];
};

/** How many lines of the screen the last frame takes now: terminals wrap lines anew when they become narrower. */
const linesUp = (live: Live, columns: number): number =>
  live.drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / Math.max(1, columns))), 0);

const CLEAR_LINE = '\u001B[K';
const CLEAR_BELOW = '\u001B[J';
const HIDE_CURSOR = '\u001B[?25l';
const SHOW_CURSOR = '\u001B[?25h';

/** Writes a frame over the last one in one piece; the cursor is hidden only meanwhile, so no signal can leave it so. */
const draw = (live: Live, finished: boolean): void => {
  const columns = live.screen.columns();
  const frame = frameOf(live, columns, finished);
  const messages: readonly Line[] = live.messages.splice(0);
  const painted = [...messages, ...frame].map(({ text, tone }) =>
    tone === undefined ? text : live.paint(tone, text),
  );
  const body = painted.map((line) => `${line}${CLEAR_LINE}\n`).join('');
  if (body === live.last && messages.length === 0) return;
  const up = linesUp(live, columns);
  const home = up === 0 ? '' : `\u001B[${up}A\r`;
  live.screen.write(`${HIDE_CURSOR}${home}${body}${CLEAR_BELOW}${SHOW_CURSOR}`);
  live.last = body;
  live.drawn = frame.map(({ text }) => displayWidth(text));
};

/** The output of a failed step, which the live view showed only in part. */
const failure = (step: LiveStep): string =>
  ['------', ` > ${step.title}:`, ...step.log, '------', ''].join('\n');

/** A view that is redrawn in place. */
export const createLiveBuild = (screen: BuildScreen): BuildProgress => {
  const live: Live = {
    screen,
    paint: screen.paint ?? ((_tone, text) => text),
    steps: new Map(),
    expected: new Map(),
    startedAt: monotonicMs(),
    drawn: [],
    last: '',
    messages: [],
    warnings: [],
  };
  const timer = setInterval(() => draw(live, false), REDRAW_MS);
  let ended = false;
  return {
    show: (event, why) => applyEvent(live, event, why),
    end() {
      if (ended) return;
      ended = true;
      clearInterval(timer);
      cancelRest(live);
      if (live.steps.size > 0 || live.messages.length > 0) draw(live, true);
      for (const line of warningLines(live.warnings))
        screen.write(`${line === '' ? '' : live.paint('warning', line)}\n`);
      for (const step of live.steps.values()) if (step.state === 'failed') screen.write(failure(step));
    },
  };
};
