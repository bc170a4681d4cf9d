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
  [0, undefined, 0, at(3, 0), false],
  [HOUR_MS, undefined, at(2, 1), at(3, 0), false],
  [HOUR_MS, undefined, at(2, 0), at(3, 0), true],
  [HOUR_MS, '01:00-05:00', 0, at(0, 59), false],
  [HOUR_MS, '01:00-05:00', 0, at(1, 0), true],
  [HOUR_MS, '01:00-05:00', 0, at(5, 0), false],
  [HOUR_MS, '22:00-04:00', 0, at(23, 0), true],
  [HOUR_MS, '22:00-04:00', 0, at(3, 59), true],
  [HOUR_MS, '22:00-04:00', 0, at(12, 0), false],
])('every %i ms between %s, last at %i: at %i it is due: %s', (everyMs, between, lastMs, nowMs, expected) => {
  const schedule = { everyMs, between: between === undefined ? undefined : parseClockWindow(between) };
  expect(isDue(schedule, lastMs, nowMs)).toBe(expected);
});
