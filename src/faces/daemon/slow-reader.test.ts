import { expect, test } from 'vitest';
import type { BuildEvent, BuildStep } from '#builder';
import { sparing } from './slow-reader.ts';

const step: BuildStep = {
  id: '1',
  name: 'RUN yes',
  stage: '0',
  index: 1,
  total: 1,
  kind: 'filesystem',
  range: { start: { line: 1, column: 1, offset: 0 }, end: { line: 1, column: 2, offset: 1 } },
};
const log = (text: string): BuildEvent => ({
  kind: 'step-log',
  step,
  stream: 'stdout',
  data: Buffer.from(text),
});
const told = (event: BuildEvent): string =>
  event.kind === 'step-log' ? Buffer.from(event.data).toString() : event.kind;

test('output is left out while the client is far behind, and nothing else is', () => {
  let unread = 0;
  const shown: string[] = [];
  const show = sparing({ unread: () => unread }, (event) => shown.push(told(event)));
  show({ kind: 'build-started', id: 'b1' });
  show(log('one'));
  unread = 30 << 20;
  show(log('two'));
  unread = 10 << 20;
  show(log('three'));
  unread = 0;
  show(log('four'));
  unread = 30 << 20;
  show(log('five'));
  show({ kind: 'step-done', step, durationMs: 1 });
  const notice = (bytes: number): string =>
    `\n[${bytes} bytes are left out here: lade builder logs b1 has them]\n`;
  expect(shown).toEqual(['build-started', 'one', notice(8), 'four', notice(4), 'step-done']);
});
