import { describe, expect, test } from 'vitest';
import type { ProgressLine } from '#api';
import type { BuildEvent, BuildResult, BuildStep } from '#builder';
import type { ImageId } from '#oci';
import { createClassicOutput, type ClassicOptions } from './classic-output.ts';

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

const IMAGE = `sha256:${'ab'.repeat(32)}` as ImageId;
const RESULT: BuildResult = {
  imageId: IMAGE,
  buildId: 'b1',
  tags: [],
  images: [],
  metadata: {},
  steps: { total: 3, cached: 0, executed: 3 },
  durationMs: 1,
};

/** What is printed, with identifiers of steps and containers as letters. */
const shown = (
  events: readonly BuildEvent[],
  {
    remove = { success: true, failure: false },
    tags,
  }: { remove?: ClassicOptions['remove']; tags?: string[] } = {},
): string => {
  const lines: ProgressLine[] = [];
  const output = createClassicOutput((line) => lines.push(line), { remove });
  for (const event of events) output.show(event);
  if (tags === undefined) output.end();
  else output.finish(RESULT, tags);
  const text = lines.map((line) => line.stream ?? JSON.stringify(line)).join('');
  return text
    .replaceAll(/(?<=container |Running in )[0-9a-f]{12}/g, 'C')
    .replaceAll(/(?<=---> )[0-9a-f]{12}/g, 'I');
};

describe('classic output', () => {
  const from: BuildStep = { ...step(1, 'FROM debian'), kind: 'source' };
  const [copy, run] = [step(2, 'COPY . .'), { ...step(3, 'RUN make'), written: 'RUN make' }];

  test('a whole build as Docker prints it', () => {
    const events: BuildEvent[] = [
      started(from),
      { kind: 'step-done', step: from, durationMs: 1, layer: IMAGE },
      started(copy),
      done(copy),
      started(run),
      log(run, 'out\n'),
      { ...log(run, 'err\n'), stream: 'stderr' } as BuildEvent,
      { kind: 'warning', message: 'one or more build-args [UN] were not consumed' },
      done(run),
    ];
    const head = 'Step 1/3 : FROM debian\n ---> I\nStep 2/3 : COPY . .\n ---> I\nStep 3/3 : RUN make\n';
    const output = ' ---> Running in C\nout\n\u001B[91merr\n\u001B[0m';
    const tail = ` ---> I\n{"aux":{"ID":"${IMAGE}"}}[Warning] One or more build-args [UN] were not consumed\n`;
    const end = 'Successfully built abababababab\nSuccessfully tagged web:1\n';
    expect(shown(events, { tags: ['web:1'] })).toBe(
      `${head}${output}Removing intermediate container C\n${tail}${end}`,
    );
    const kept = shown(events, { tags: [], remove: { success: false, failure: false } });
    expect(kept).not.toContain('Removing');
  });

  test('what came from the cache; settings after it count as cached too', () => {
    const env: BuildStep = { ...step(3, 'ENV A=1'), kind: 'metadata' };
    const text = shown(
      [started(from), done(from), { kind: 'step-cached', step: copy }, started(env), done(env)],
      {
        tags: [],
      },
    );
    expect(text).toContain('Step 2/3 : COPY . .\n ---> Using cache\n ---> I\n');
    expect(text).toContain('Step 3/3 : ENV A=1\n ---> Using cache\n ---> I\n{"aux"');
  });

  test('steps that run together are shown one after another, in the order of the file', () => {
    const [first, second] = [step(1, 'COPY a a'), step(2, 'COPY b b')];
    const text = shown([
      started(second),
      started(first),
      log(second, 'later\n'),
      log(first, 'first\n'),
      done(second),
      started(run),
      log(run, 'last\n'),
      done(first),
      done(run),
    ]);
    expect(text.replaceAll(/^ --->.*\n|^Removing.*\n/gm, '')).toBe(
      'Step 1/3 : COPY a a\nfirst\nStep 2/3 : COPY b b\nlater\nStep 3/3 : RUN make\nlast\n',
    );
  });

  test('a failed step ends the output; its container goes when that is asked for', () => {
    const events: BuildEvent[] = [
      started(run),
      { kind: 'step-failed', step: run, message: 'exit code: 7', durationMs: 1 },
    ];
    expect(shown(events)).toBe('Step 3/3 : RUN make\n ---> Running in C\n');
    expect(shown(events, { remove: { success: true, failure: true } })).toContain('Removing intermediate');
  });

  test('a character that comes in two pieces stays whole', () => {
    const bytes = Buffer.from('é\n');
    expect(shown([started(run), log(run, bytes.subarray(0, 1)), log(run, bytes.subarray(1))])).toContain(
      'é\n',
    );
  });
});
