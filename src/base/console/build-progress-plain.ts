import { StringDecoder } from 'node:string_decoder';
import { monotonicMs } from './clock.ts';
import type { BuildProgress, BuildProgressEvent, BuildScreen, BuildStepView } from './build-progress.ts';
import { humanSize } from './sizes.ts';
import { isShown, keptMessage, stepTitle, warningLines } from './step-title.ts';
import { visible } from './visible.ts';

/** Output of one stream; lines of two streams never mix. */
interface Output {
  readonly decoder: StringDecoder;
  /** What came after the last newline. */
  held: string;
}

interface Shown {
  readonly number: number;
  readonly title: string;
  readonly startedAt: number;
  readonly outputs: { readonly stdout: Output; readonly stderr: Output };
  ended: boolean;
}

interface Plain {
  readonly steps: Map<string, Shown>;
  readonly pulls: Map<string, string>;
  readonly warnings: string[];
  /** The step of the last line. */
  current: Shown | undefined;
  readonly write: (text: string) => void;
  readonly now: () => number;
}

/** A longer line is told in pieces: some programs never end theirs. */
const MAX_LINE = 64 * 1024;

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)}s`;

const newOutput = (): Output => ({ decoder: new StringDecoder('utf8'), held: '' });

const shownAs = (plain: Plain, id: string, title: string): Shown => {
  const known = plain.steps.get(id);
  if (known !== undefined) return known;
  const made: Shown = {
    number: plain.steps.size + 1,
    title,
    startedAt: plain.now(),
    outputs: { stdout: newOutput(), stderr: newOutput() },
    ended: false,
  };
  plain.steps.set(id, made);
  return made;
};

const shownStep = (plain: Plain, step: BuildStepView): Shown => shownAs(plain, step.id, stepTitle(step));

/** Lines of a step follow its title; the title comes again when another step's lines were in between. */
const line = (plain: Plain, shown: Shown, text: string): void => {
  const { current } = plain;
  if (current !== shown) {
    const left = current === undefined ? '' : `${current.ended ? '' : `#${current.number} ...\n`}\n`;
    plain.write(`${left}#${shown.number} ${shown.title}\n`);
    plain.current = shown;
  }
  if (text !== '') plain.write(`#${shown.number} ${text}\n`);
};

const writeLines = (plain: Plain, shown: Shown, lines: readonly string[]): void => {
  const at = ((plain.now() - shown.startedAt) / 1000).toFixed(3);
  for (const text of lines) line(plain, shown, `${at} ${text.replace(/\r$/, '')}`);
};

const log = (plain: Plain, shown: Shown, event: Extract<BuildProgressEvent, { kind: 'step-log' }>): void => {
  const output = shown.outputs[event.stream ?? 'stdout'];
  const lines = (output.held + output.decoder.write(Buffer.from(event.data))).split('\n');
  output.held = lines.pop() ?? '';
  if (output.held.length > MAX_LINE) {
    lines.push(output.held);
    output.held = '';
  }
  writeLines(plain, shown, lines);
};

const flush = (plain: Plain, shown: Shown): void => {
  for (const output of Object.values(shown.outputs)) {
    const rest = output.held + output.decoder.end();
    output.held = '';
    if (rest !== '') writeLines(plain, shown, [rest]);
  }
};

/** The last line of a step. */
const end = (plain: Plain, shown: Shown, text: string): void => {
  flush(plain, shown);
  line(plain, shown, text);
  shown.ended = true;
};

/** Counters change too often for plain lines: only what is finished is told. */
const QUIET_STATUS = /^(Downloading|Extracting|Verifying|Waiting|Pulling fs layer)/;

const pull = (plain: Plain, event: Extract<BuildProgressEvent, { kind: 'pull' }>): void => {
  if (QUIET_STATUS.test(event.status) || plain.pulls.get(event.id) === event.status) return;
  plain.pulls.set(event.id, event.status);
  const text = visible(event.id === '' ? event.status : `${event.id}: ${event.status}`);
  if (event.step === undefined) plain.write(`#0 ${text}\n`);
  else line(plain, shownStep(plain, event.step), text);
};

const transfer = (plain: Plain, event: Extract<BuildProgressEvent, { kind: 'transfer' }>): void => {
  const shown = shownAs(plain, `transfer ${event.id}`, event.title);
  if (!event.done) return line(plain, shown, '');
  line(plain, shown, `${event.text} ${humanSize(event.current, 3)} done`);
  end(plain, shown, `DONE ${seconds(plain.now() - shown.startedAt)}`);
};

type StepEvent = Exclude<
  BuildProgressEvent,
  { readonly kind: 'build-started' | 'step-kept' | 'warning' | 'status' | 'pull' | 'transfer' }
>;

const showStep = (plain: Plain, event: StepEvent, why: string | undefined): void => {
  if (!isShown(event.step)) return;
  const shown = shownStep(plain, event.step);
  switch (event.kind) {
    case 'step-started':
      if (why === undefined) return line(plain, shown, '');
      for (const reason of why.split('\n')) line(plain, shown, `why: ${reason}`);
      return;
    case 'step-cached':
      return end(plain, shown, 'CACHED');
    case 'step-log':
      return log(plain, shown, event);
    case 'step-done':
      return end(plain, shown, `DONE ${seconds(event.durationMs)}`);
    case 'step-failed':
      return end(plain, shown, `ERROR: ${event.message.split('\n', 1)[0] ?? ''}`);
    case 'step-cancelled':
      return end(plain, shown, 'CANCELED');
    default:
      event satisfies never;
  }
};

const show = (plain: Plain, event: BuildProgressEvent, why: string | undefined): void => {
  switch (event.kind) {
    case 'build-started':
      return;
    case 'step-kept':
      return plain.write(`${keptMessage(event)}\n`);
    case 'warning':
      plain.warnings.push(event.message);
      return;
    case 'status':
      return plain.write(`#0 ${visible(event.message)}\n`);
    case 'pull':
      return pull(plain, event);
    case 'transfer':
      return transfer(plain, event);
    case 'step-started':
    case 'step-cached':
    case 'step-log':
    case 'step-done':
    case 'step-failed':
    case 'step-cancelled':
      return showStep(plain, event, why);
    default:
      event satisfies never;
  }
};

/** Numbered lines, each written once. */
export const createPlainBuild = (screen: BuildScreen): BuildProgress => {
  const plain: Plain = {
    steps: new Map(),
    pulls: new Map(),
    warnings: [],
    current: undefined,
    write: screen.write,
    now: screen.now ?? monotonicMs,
  };
  return {
    show: (event, why) => show(plain, event, why),
    end() {
      for (const shown of plain.steps.values()) flush(plain, shown);
      for (const text of warningLines(plain.warnings.splice(0))) plain.write(`${text}\n`);
    },
  };
};
