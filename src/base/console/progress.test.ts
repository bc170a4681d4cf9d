import { describe, expect, test } from 'vitest';
import { createBuildProgress, createTransferProgress, type BuildProgressEvent } from './index.ts';

const collect = () => {
  const written: string[] = [];
  return { write: (text: string) => void written.push(text), text: () => written.join('') };
};

describe('transfers', () => {
  test('plain: each change of status once, no counters', () => {
    const out = collect();
    const progress = createTransferProgress({ write: out.write, live: false, columns: () => 80 });
    progress.show({ id: '1.0', status: 'Pulling from shop' });
    progress.show({ id: 'aa', status: 'Pulling fs layer', progressDetail: {} });
    progress.show({ id: 'aa', status: 'Downloading', progressDetail: { current: 5, total: 10 } });
    progress.show({ id: 'aa', status: 'Pull complete', progressDetail: {} });
    progress.show({ id: 'aa', status: 'Pull complete', progressDetail: {} });
    progress.show({ status: 'Status: done \u001B[2J' });
    progress.show({ stream: 'raw\n' });
    expect(out.text()).toBe(
      '1.0: Pulling from shop\naa: Pulling fs layer\naa: Pull complete\nStatus: done \\x1b[2J\nraw\n',
    );
  });

  test('live: every id keeps its line', () => {
    const out = collect();
    const progress = createTransferProgress({ write: out.write, live: true, columns: () => 120 });
    progress.show({ id: 'aa', status: 'Waiting', progressDetail: {} });
    progress.show({ id: 'bb', status: 'Waiting', progressDetail: {} });
    out.write('|');
    progress.show({ id: 'aa', status: 'Downloading', progressDetail: { current: 500, total: 1000 } });
    const last = out.text().split('|')[1];
    expect(last).toBe(
      `\u001B[2A\u001B[2K\raa: Downloading [${'='.repeat(25)}>${' '.repeat(25)}]     500B/1kB\r\u001B[2B`,
    );
  });
});

const step = (id: string, index: number, stage = '0') => ({ id, name: `RUN ${id}`, stage, index, total: 3 });

const events: readonly BuildProgressEvent[] = [
  { kind: 'step-cached', step: step('one', 1) },
  { kind: 'step-started', step: step('two', 2, 'build') },
  { kind: 'step-log', step: step('two', 2, 'build'), data: Buffer.from('half') },
  { kind: 'step-started', step: step('three', 3) },
  { kind: 'step-log', step: step('two', 2, 'build'), data: Buffer.from(' line\n\u001B[31mred\n') },
  { kind: 'step-done', step: step('three', 3), durationMs: 1234 },
  { kind: 'step-failed', step: step('two', 2, 'build'), message: 'exit code: 3\ndetails', durationMs: 10 },
];

describe('builds', () => {
  test('plain: numbered steps, whole lines of output, the reason of a miss', () => {
    const out = collect();
    const progress = createBuildProgress({
      write: out.write,
      live: false,
      columns: () => 80,
      rows: () => 24,
    });
    for (const event of events)
      progress.show(event, event.kind === 'step-started' ? 'a was modified' : undefined);
    progress.end();
    const lines = out
      .text()
      .replaceAll(/\d\.\d{3}/g, 'T')
      .split('\n');
    expect(lines).toEqual([
      '#1 [1/3] RUN one',
      '#1 CACHED',
      '',
      '#2 [build 2/3] RUN two',
      '#2 why: a was modified',
      '',
      '#3 [3/3] RUN three',
      '#3 why: a was modified',
      '',
      '#2 [build 2/3] RUN two',
      '#2 T half line',
      '#2 T \u001B[31mred',
      '',
      '#3 [3/3] RUN three',
      '#3 DONE 1.2s',
      '',
      '#2 [build 2/3] RUN two',
      '#2 ERROR: exit code: 3',
      '',
    ]);
  });

  test('live: the last drawing has every step, a failed one shows its output without escape sequences', () => {
    const out = collect();
    const progress = createBuildProgress({ write: out.write, live: true, columns: () => 40, rows: () => 24 });
    for (const event of events) progress.show(event);
    progress.end();
    const text = out.text();
    expect(text).toContain('(3/3) FINISHED');
    expect(text).toContain('=> CACHED [1/3] RUN one');
    expect(text).toContain('=> ERROR [build 2/3] RUN two');
    expect(text).toContain('------\n > [build 2/3] RUN two:\nhalf line\nred\n------\n');
    for (const line of text.split('\n').filter((each) => each.startsWith(' =>')))
      expect(line.length).toBeLessThanOrEqual(40);
  });
});
