import { StringDecoder } from 'node:string_decoder';
import {
  stepTitle,
  type BuildProgress,
  type BuildProgressEvent,
  type BuildScreen,
  type BuildStepView,
} from './build-progress.ts';

interface Shown {
  readonly number: number;
  readonly title: string;
  readonly startedAt: number;
  readonly decoder: StringDecoder;
  /** Output after the last newline. */
  held: string;
}

interface Plain {
  readonly steps: Map<string, Shown>;
  readonly pulls: Map<string, string>;
  current: number | undefined;
  readonly write: (text: string) => void;
  readonly now: () => number;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)}s`;

const shownStep = (plain: Plain, step: BuildStepView): Shown => {
  const known = plain.steps.get(step.id);
  if (known !== undefined) return known;
  const made: Shown = {
    number: plain.steps.size + 1,
    title: stepTitle(step),
    startedAt: plain.now(),
    decoder: new StringDecoder('utf8'),
    held: '',
  };
  plain.steps.set(step.id, made);
  return made;
};

/** Lines of a step follow its title; the title comes again when another step's lines were in between. */
const line = (plain: Plain, shown: Shown, text: string): void => {
  if (plain.current !== shown.number) {
    plain.write(`${plain.current === undefined ? '' : '\n'}#${shown.number} ${shown.title}\n`);
    plain.current = shown.number;
  }
  if (text !== '') plain.write(`#${shown.number} ${text}\n`);
};

const log = (plain: Plain, shown: Shown, data: Uint8Array): void => {
  const at = ((plain.now() - shown.startedAt) / 1000).toFixed(3);
  const lines = (shown.held + shown.decoder.write(Buffer.from(data))).split('\n');
  shown.held = lines.pop() ?? '';
  for (const text of lines) line(plain, shown, `${at} ${text.replace(/\r$/, '')}`);
};

const flush = (plain: Plain, shown: Shown): void => {
  if (shown.held !== '') log(plain, shown, Buffer.from('\n'));
};

/** Counters change too often for plain lines: only what is finished is told. */
const QUIET_STATUS = /^(Downloading|Extracting|Verifying|Waiting|Pulling fs layer)/;

const pull = (plain: Plain, event: Extract<BuildProgressEvent, { kind: 'pull' }>): void => {
  if (QUIET_STATUS.test(event.status) || plain.pulls.get(event.id) === event.status) return;
  plain.pulls.set(event.id, event.status);
  const text = event.id === '' ? event.status : `${event.id}: ${event.status}`;
  if (event.step === undefined) plain.write(`#0 ${text}\n`);
  else line(plain, shownStep(plain, event.step), text);
};

const show = (plain: Plain, event: BuildProgressEvent, why: string | undefined): void => {
  if (event.kind === 'build-started') return;
  if (event.kind === 'warning') return plain.write(`WARN: ${event.message}\n`);
  if (event.kind === 'status') return plain.write(`#0 ${event.message}\n`);
  if (event.kind === 'pull') return pull(plain, event);
  const shown = shownStep(plain, event.step);
  switch (event.kind) {
    case 'step-started':
      if (why === undefined) return line(plain, shown, '');
      for (const reason of why.split('\n')) line(plain, shown, `why: ${reason}`);
      return;
    case 'step-cached':
      return line(plain, shown, 'CACHED');
    case 'step-log':
      return log(plain, shown, event.data);
    case 'step-done':
      flush(plain, shown);
      return line(plain, shown, `DONE ${seconds(event.durationMs)}`);
    case 'step-failed':
      flush(plain, shown);
      return line(plain, shown, `ERROR: ${event.message.split('\n', 1)[0] ?? ''}`);
    case 'step-cancelled':
      return line(plain, shown, 'CANCELED');
    default:
      return event satisfies never;
  }
};

/** Numbered lines, each written once. */
export const createPlainBuild = (screen: BuildScreen): BuildProgress => {
  const plain: Plain = {
    steps: new Map(),
    pulls: new Map(),
    current: undefined,
    write: screen.write,
    now: screen.now ?? (() => performance.now()),
  };
  return {
    show: (event, why) => show(plain, event, why),
    end() {
      for (const shown of plain.steps.values()) flush(plain, shown);
    },
  };
};
