import { expect, test } from 'vitest';
import { humanDuration, parseDuration, parseInstant } from './index.ts';

test('durations as Go reads them', () => {
  expect(parseDuration('1h2m3.5s')).toBe(3723.5e9);
  expect(parseDuration('-1.5ms')).toBe(-1.5e6);
  expect(parseDuration('.5µs')).toBe(500);
  expect(['0', '+0', '-0'].map(parseDuration)).toEqual([0, 0, 0]);
  for (const text of ['', '5', '1d', 's', '.s', '1m x', '1h-1m', ' 1s', '1 s'])
    expect(parseDuration(text)).toBeUndefined();
});

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

test.each([
  [400, 'Less than a second'],
  [1000, '1 second'],
  [59_999, '59 seconds'],
  [90_000, 'About a minute'],
  [50 * MINUTE, '50 minutes'],
  [61 * MINUTE, 'About an hour'],
  [3 * 60 * MINUTE, '3 hours'],
  [3 * DAY, '3 days'],
  [20 * DAY, '2 weeks'],
  [70 * DAY, '2 months'],
  [800 * DAY, '2 years'],
])('%i ms are %s, as go-units says it', (ms, words) => expect(humanDuration(ms)).toBe(words));

test('instants: seconds since 1970, before now, dates', () => {
  expect(parseInstant('1700000000.5')).toBe(1_700_000_000_500);
  expect(parseInstant('24h', 100 * DAY)).toBe(99 * DAY);
  expect(parseInstant('2026-01-02T03:04:05Z')).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
  expect(parseInstant('2026-01-02')).toBe(Date.UTC(2026, 0, 2));
  for (const text of ['', 'soon', '10d']) expect(parseInstant(text)).toBeUndefined();
});
