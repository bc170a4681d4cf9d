import { describe, expect, test } from 'vitest';
import type { ProgressLine } from '#api';
import type { BuildEvent, BuildStep } from '#builder';
import { createClassicOutput } from './classic-output.ts';

const step = (index: number, name: string): BuildStep => ({
  id: String(index),
  name,
  stage: '0',
  index,
  total: 3,
  kind: 'filesystem',
  range: { start: { line: 1, column: 1 }, end: { line: 1, column: 2 } } as unknown as BuildStep['range'],
});
const started = (of: BuildStep): BuildEvent => ({ kind: 'step-started', step: of, reasons: [] });
const done = (of: BuildStep): BuildEvent => ({ kind: 'step-done', step: of, durationMs: 1 });
const log = (of: BuildStep, data: string | Uint8Array): BuildEvent => ({
  kind: 'step-log',
  step: of,
  stream: 'stdout',
  data: Buffer.from(data),
});

const shown = (events: readonly BuildEvent[]): string => {
  const lines: ProgressLine[] = [];
  const show = createClassicOutput((line) => lines.push(line));
  for (const event of events) show(event);
  return lines.map((line) => line.stream ?? `<${line.status ?? ''}>`).join('');
};

describe('classic output', () => {
  const [from, copy, run] = [step(1, 'FROM debian'), step(2, 'COPY . .'), step(3, 'RUN make')];

  test('names steps, says what was cached, passes output on', () => {
    expect(shown([{ kind: 'step-cached', step: from }, started(copy), log(copy, 'hm\n'), done(copy)])).toBe(
      'Step 1/3 : FROM debian\n ---> Using cache\nStep 2/3 : COPY . .\nhm\n',
    );
  });

  test('steps that run together are shown one after another', () => {
    const text = shown([
      started(from),
      started(copy),
      log(copy, 'later\n'),
      log(from, 'first\n'),
      started(run),
      done(copy),
      log(run, 'last\n'),
      done(from),
      done(run),
    ]);
    expect(text).toBe(
      'Step 1/3 : FROM debian\nfirst\nStep 2/3 : COPY . .\nlater\nStep 3/3 : RUN make\nlast\n',
    );
  });

  test('a character that comes in two pieces stays whole', () => {
    const bytes = Buffer.from('é\n');
    expect(shown([started(run), log(run, bytes.subarray(0, 1)), log(run, bytes.subarray(1))])).toBe(
      'Step 3/3 : RUN make\né\n',
    );
  });
});
