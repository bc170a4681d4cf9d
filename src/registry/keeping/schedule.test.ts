import { expect, test } from 'vitest';
import { isDue, parseClockWindow } from './schedule.ts';

test.each([
  ['01:00-05:30', { from: 60, to: 330 }],
  ['22:00-04:00', { from: 1320, to: 240 }],
  ['00:00-24:00', { from: 0, to: 1440 }],
])('reads %s', (text, expected) => {
  expect(parseClockWindow(text)).toEqual(expected);
});

test.each(['', '1:00-2:00', '01:00', '25:00-26:00', '01:60-02:00', '01:00-24:30', '03:00-03:00'])(
  'refuses %j',
  (text) => {
    expect(parseClockWindow(text)).toBeUndefined();
  },
);

const HOUR_MS = 3_600_000;
const at = (hours: number, minutes: number): number => new Date(2026, 5, 1, hours, minutes).getTime();

test.each([
  { everyMs: 0, between: undefined, lastMs: 0, nowMs: at(3, 0), due: false },
  { everyMs: HOUR_MS, between: undefined, lastMs: at(2, 1), nowMs: at(3, 0), due: false },
  { everyMs: HOUR_MS, between: undefined, lastMs: at(2, 0), nowMs: at(3, 0), due: true },
  { everyMs: HOUR_MS, between: '01:00-05:00', lastMs: 0, nowMs: at(0, 59), due: false },
  { everyMs: HOUR_MS, between: '01:00-05:00', lastMs: 0, nowMs: at(1, 0), due: true },
  { everyMs: HOUR_MS, between: '01:00-05:00', lastMs: 0, nowMs: at(5, 0), due: false },
  { everyMs: HOUR_MS, between: '22:00-04:00', lastMs: 0, nowMs: at(23, 0), due: true },
  { everyMs: HOUR_MS, between: '22:00-04:00', lastMs: 0, nowMs: at(3, 59), due: true },
  { everyMs: HOUR_MS, between: '22:00-04:00', lastMs: 0, nowMs: at(12, 0), due: false },
])('every $everyMs ms between $between: $due', ({ everyMs, between, lastMs, nowMs, due }) => {
  const schedule = { everyMs, between: between === undefined ? undefined : parseClockWindow(between) };
  expect(isDue(schedule, lastMs, nowMs)).toBe(due);
});
