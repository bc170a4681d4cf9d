import { expect, test } from 'vitest';
import { accessErrors } from './errors.ts';
import { createThrottle } from './throttle.ts';

const make = () => {
  let nowMs = 0;
  const waits: number[] = [];
  const throttle = createThrottle({ now: () => nowMs, wait: async (ms) => waits.push(ms) });
  return { throttle, waits, pass: (ms: number) => void (nowMs += ms) };
};

const fail = (
  throttle: ReturnType<typeof make>['throttle'],
  times: number,
  address: string,
  name: string,
) => {
  for (let i = 0; i < times; i += 1) throttle.failed(address, name);
};

test('waits grow, then nobody is let in for a time that grows', async () => {
  const { throttle, waits, pass } = make();
  for (let i = 0; i < 12; i += 1) {
    await throttle.admit('1.2.3.4', `user${i}`);
    throttle.failed('1.2.3.4', `user${i}`);
  }
  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 4000, 4000]);
  const refused = throttle.admit('1.2.3.4', 'ann');
  await expect(refused).rejects.toMatchObject({
    code: accessErrors.throttled.code,
    details: { retryAfterSeconds: 5 },
  });
  pass(5_001);
  await throttle.admit('1.2.3.4', 'ann');
  throttle.failed('1.2.3.4', 'ann');
  pass(5_001);
  await expect(throttle.admit('1.2.3.4', 'ann')).rejects.toThrow('5 seconds');
});

test('a success forgets failures of its own name at its own address, and no others', async () => {
  const { throttle, waits } = make();
  fail(throttle, 9, '1.1.1.1', 'ann');
  throttle.succeeded('1.1.1.1', 'ann');
  await throttle.admit('1.1.1.1', 'ann');
  expect(waits).toEqual([]);
  fail(throttle, 12, '1.1.1.1', 'root');
  fail(throttle, 1, '1.1.1.1', 'ann');
  throttle.succeeded('1.1.1.1', 'ann');
  await expect(throttle.admit('1.1.1.1', 'root')).rejects.toThrow('too many');
  for (let i = 0; i < 100; i += 1) throttle.failed(`10.0.0.${i}`, 'bob');
  throttle.succeeded('2.2.2.2', 'bob');
  throttle.succeeded('10.0.0.1', 'ann');
  await expect(throttle.admit('2.2.2.2', 'bob')).rejects.toThrow('too many');
  throttle.succeeded('10.0.0.1', 'bob');
  await throttle.admit('10.0.0.1', 'bob');
  expect(waits).toEqual([4000]);
});

test('counts by name too, from whatever address, but does not lock a name for long', async () => {
  const { throttle, waits, pass } = make();
  for (let i = 0; i < 200; i += 1) throttle.failed(`10.0.0.${i}`, 'ann');
  await expect(throttle.admit('9.9.9.9', 'ann')).rejects.toMatchObject({
    details: { retryAfterSeconds: 15 },
  });
  pass(15_001);
  await throttle.admit('9.9.9.9', 'ann');
  await throttle.admit('9.9.9.9', 'bob');
  expect(waits).toEqual([4000]);
});

test('addresses of one IPv6 network are one, and a mapped address is its IPv4 one', async () => {
  const { throttle } = make();
  for (let i = 0; i < 12; i += 1) throttle.failed(`2001:db8:1:2:${i}::1`, `n${i}`);
  await expect(throttle.admit('2001:db8:1:2:ffff::9', 'x')).rejects.toThrow('too many');
  await throttle.admit('2001:db8:1:3::1', 'x');
  fail(throttle, 12, '::ffff:1.1.1.1', 'y');
  await expect(throttle.admit('1.1.1.1', 'z')).rejects.toThrow('too many');
});

test('forgets after a quiet time, and remembers a bounded number of keys', async () => {
  const { throttle, pass, waits } = make();
  fail(throttle, 20, '1.1.1.1', 'ann');
  pass(16 * 60_000);
  await throttle.admit('1.1.1.1', 'ann');
  expect(waits).toEqual([]);
  fail(throttle, 20, '2.2.2.2', 'ann');
  for (let i = 0; i < 10_000; i += 1) throttle.failed(`3.3.${i >> 8}.${i & 255}`, `n${i}`);
  await throttle.admit('2.2.2.2', 'other');
});
