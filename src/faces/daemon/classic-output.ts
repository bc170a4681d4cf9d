import { StringDecoder } from 'node:string_decoder';
import type { ProgressLine } from '#api';
import type { BuildEvent, BuildStep } from '#builder';

/** What one step has to say, in order, and whether it has ended. */
interface StepLines {
  readonly lines: ProgressLine[];
  done: boolean;
}

const text = (stream: string): ProgressLine => ({ stream });

const title = (step: BuildStep): ProgressLine => text(`Step ${step.index}/${step.total} : ${step.name}\n`);

const linesOf = (event: BuildEvent, decode: (data: Uint8Array) => string): readonly ProgressLine[] => {
  switch (event.kind) {
    case 'step-started':
      return [title(event.step)];
    case 'step-cached':
      return [title(event.step), text(' ---> Using cache\n')];
    case 'step-log': {
      const output = decode(event.data);
      return output === '' ? [] : [text(output)];
    }
    case 'warning':
      return [text(`[Warning] ${event.message}\n`)];
    case 'status':
      return [event.id === undefined ? { status: event.message } : { status: event.message, id: event.id }];
    case 'pull':
      return [
        {
          status: event.status,
          id: event.id,
          progressDetail: event.current === undefined ? {} : { current: event.current, total: event.total },
        },
      ];
    case 'build-started':
    case 'step-done':
    case 'step-failed':
    case 'step-cancelled':
      return [];
    default:
      return event satisfies never;
  }
};

const stepOf = (event: BuildEvent): BuildStep | undefined => ('step' in event ? event.step : undefined);

const ends = (event: BuildEvent): boolean =>
  event.kind === 'step-cached' ||
  event.kind === 'step-done' ||
  event.kind === 'step-failed' ||
  event.kind === 'step-cancelled';

/**
 * Turns build events into the lines of Docker's classic builder.
 *
 * Steps that run at the same time are shown one after another: the oldest one live, the others when it has ended.
 */
export const createClassicOutput = (write: (line: ProgressLine) => void): ((event: BuildEvent) => void) => {
  const steps = new Map<string, StepLines>();
  const decoders = new Map<string, StringDecoder>();

  const decoderOf = (id: string): StringDecoder => {
    const decoder = decoders.get(id) ?? new StringDecoder('utf8');
    decoders.set(id, decoder);
    return decoder;
  };
  /** Writes everything up to the first step that still runs, and that one's lines so far. */
  const flush = (): void => {
    for (const [id, step] of steps) {
      for (const line of step.lines.splice(0)) write(line);
      if (!step.done) return;
      steps.delete(id);
      decoders.delete(id);
    }
  };
  return (event) => {
    const step = stepOf(event);
    const lines = linesOf(event, (data) => decoderOf(step?.id ?? '').write(Buffer.from(data)));
    if (step === undefined) {
      for (const line of lines) write(line);
      return;
    }
    const own = steps.get(step.id) ?? { lines: [], done: false };
    steps.set(step.id, own);
    own.lines.push(...lines);
    own.done = own.done || ends(event);
    flush();
  };
};
