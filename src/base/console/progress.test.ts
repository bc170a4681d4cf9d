import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { buildPaint } from './build-colors.ts';
import { createBuildProgress, createTransferProgress, type BuildProgressEvent } from './index.ts';
import { createTerminal } from './testing.ts';

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

test('lines without an end are told in pieces', () => {
  const out = collect();
  const progress = createBuildProgress({ write: out.write, live: false, columns: () => 80, rows: () => 24 });
  const data = Buffer.alloc(40 * 1024, 'x');
  for (let count = 0; count < 4; count += 1)
    progress.show({ kind: 'step-log', step: step('endless', 1), data });
  const before = out
    .text()
    .match(/x+/gu)
    ?.map((text) => text.length);
  progress.end();
  expect(before).toEqual([80 * 1024, 80 * 1024]);
});

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
      '#2 ...',
      '',
      '#3 [3/3] RUN three',
      '#3 why: a was modified',
      '#3 ...',
      '',
      '#2 [build 2/3] RUN two',
      '#2 T half line',
      '#2 T \u001B[31mred',
      '#2 ...',
      '',
      '#3 [3/3] RUN three',
      '#3 DONE 1.2s',
      '',
      '#2 [build 2/3] RUN two',
      '#2 ERROR: exit code: 3',
      '',
    ]);
  });

  test('plain: metadata is not shown, output of two streams stays apart, transfers are told at their end', () => {
    const out = collect();
    const progress = createBuildProgress({
      write: out.write,
      live: false,
      columns: () => 80,
      rows: () => 24,
    });
    const run = { ...step('go', 5), inStage: { index: 2, total: 2 }, platform: 'linux/arm64' };
    const sent = {
      kind: 'transfer',
      id: 'c',
      title: '[internal] load build context',
      text: 'transferring context:',
    } as const;
    progress.show({ ...sent, current: 10, done: false });
    progress.show({ ...sent, current: 2000, done: true });
    progress.show({ kind: 'step-started', step: { ...step('ENV', 4), kind: 'metadata' } });
    progress.show({ kind: 'step-log', step: run, stream: 'stdout', data: Buffer.from('o') });
    progress.show({ kind: 'step-log', step: run, stream: 'stderr', data: Buffer.from('e\n') });
    progress.show({ kind: 'warning', message: 'StageNameCasing: mind the case (line 1)' });
    progress.show({ kind: 'step-done', step: run, durationMs: 100 });
    progress.end();
    expect(out.text().replaceAll(/\d\.\d{3}/g, 'T')).toBe(
      [
        '#1 [internal] load build context',
        '#1 transferring context: 2kB done',
        '#1 DONE 0.0s',
        '',
        '#2 [linux/arm64 2/2] RUN go',
        '#2 T e',
        '#2 T o',
        '#2 DONE 0.1s',
        '',
        ' 1 warning found:',
        ' - StageNameCasing: mind the case (line 1)',
        '',
      ].join('\n'),
    );
  });
});

const noPaint = (_tone: string, text: string): string => text;

describe('the live view', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const start = (columns: number, rows: number) => {
    const terminal = createTerminal(columns, rows);
    const screen = {
      write: terminal.write,
      live: true,
      columns: () => terminal.columns,
      rows: () => terminal.rows,
      paint: noPaint,
    };
    return { terminal, progress: createBuildProgress(screen) };
  };
  const inStage = (id: string, index: number, total: number, stage = '0') => ({
    ...step(id, index, stage),
    inStage: { index, total },
  });

  test('steps with their marks, the last lines of what runs, and totals; a failure shows its output', () => {
    const { terminal, progress } = start(60, 24);
    terminal.write('$ lade build .\n');
    progress.show({ kind: 'step-cached', step: inStage('one', 1, 2) });
    const two = inStage('two', 2, 2);
    progress.show({ kind: 'step-started', step: two }, 'a was modified');
    progress.show({
      kind: 'step-log',
      step: two,
      data: Buffer.from('1\n2\n3\n4\n5\n6\n7\n\u001B[31mred\u001B[0m\nhalf'),
    });
    vi.advanceTimersByTime(1500);
    expect(terminal.lines()).toEqual([
      '$ lade build .',
      '[+] Building 1.5s (1/2)',
      ' => CACHED [1/2] RUN one                               0.0s',
      ' => [2/2] RUN two                                      1.5s',
      ' => => why: a was modified',
      ...['3', '4', '5', '6', '7', 'red'].map((text) => ` => => # ${text}`),
    ]);
    progress.show({ kind: 'step-failed', step: two, message: 'exit code: 3', durationMs: 1700 });
    progress.end();
    expect(terminal.lines()).toEqual([
      '$ lade build .',
      '[+] Building 1.5s (2/2) FINISHED',
      ' => CACHED [1/2] RUN one                               0.0s',
      ' => ERROR [2/2] RUN two                                1.7s',
      ' => => why: a was modified',
      '------',
      ' > [2/2] RUN two:',
      ...'1 2 3 4 5 6 7 red half ------'.split(' '),
    ]);
    expect(terminal.cursorVisible()).toBe(true);
  });

  test('wide characters and narrow terminals: no line is ever wider than the screen', () => {
    const { terminal, progress } = start(34, 24);
    const wide = { ...inStage('x', 1, 1), name: 'RUN echo 日本語の長い文章です 👍 héé' };
    progress.show({
      kind: 'step-log',
      step: wide,
      data: Buffer.from('漢字漢字漢字漢字漢字漢字漢字漢字漢字\n'),
    });
    for (const columns of [34, 80, 20, 12, 34]) {
      terminal.resize(columns, 24);
      vi.advanceTimersByTime(100);
      expect(terminal.wrapped()).toBe(false);
      expect(terminal.lines().filter((line) => line.startsWith('[+]'))).toHaveLength(1);
    }
    progress.end();
    expect(terminal.lines().at(-1)).toBe(' => CANCELED [1/1] RUN echo… 0.5s');
  });

  test('more steps than lines: what runs stays, the oldest that ended leave, and all come back at the end', () => {
    const { terminal, progress } = start(40, 10);
    const slow = inStage('slow', 1, 31, 'slow');
    progress.show({ kind: 'step-log', step: slow, data: Buffer.from('busy\n') });
    for (let index = 1; index <= 30; index += 1) {
      progress.show({ kind: 'step-done', step: inStage(`n${index}`, index, 30), durationMs: 10 });
      vi.advanceTimersByTime(100);
    }
    const lines = terminal.lines();
    expect(lines.length).toBeLessThan(10);
    expect(lines[0]).toBe('[+] Building 3.0s (30/61)');
    expect(lines[1]).toMatch(/^ => \[slow 1\/31\] RUN slow/);
    expect(lines.at(-1)).toMatch(/RUN n30/);
    expect(terminal.scrolled()).toBe(0);
    progress.end();
    expect(terminal.scrolled()).toBeGreaterThan(20);
  });

  test('transfers are shown with their bytes while they last; nothing is written when nothing changed', () => {
    const { terminal, progress } = start(70, 24);
    const transfer = {
      kind: 'transfer',
      id: 'context',
      title: '[internal] load build context',
      text: 'transferring context:',
    } as const;
    progress.show({ ...transfer, current: 12_300_000, done: false });
    progress.show({
      kind: 'pull',
      step: inStage('p', 1, 1),
      id: 'aa',
      status: 'Downloading',
      current: 500,
      total: 1000,
    });
    vi.advanceTimersByTime(100);
    expect(terminal.lines()[2]).toBe(` => => transferring context: 12.3MB${' '.repeat(30)}0.1s`);
    expect(terminal.lines()[4]).toMatch(/^ => => aa Downloading 500B \/ 1kB +0\.1s$/);
    const before = terminal.writes();
    vi.advanceTimersByTime(40);
    expect(terminal.writes()).toBe(before);
    progress.end();
  });

  test('colours: BUILDKIT_COLORS wins over NO_COLOR', () => {
    expect(buildPaint({ NO_COLOR: '1' })('failed', 'x')).toBe('x');
    expect(buildPaint({})('failed', 'x')).toBe('\u001B[31mx\u001B[0m');
    const own = buildPaint({ NO_COLOR: '1', BUILDKIT_COLORS: 'run=green:error=1,2,3:bad' });
    expect([own('done', 'x'), own('failed', 'x')]).toEqual([
      '\u001B[32mx\u001B[0m',
      '\u001B[38;2;1;2;3mx\u001B[0m',
    ]);
  });
});
