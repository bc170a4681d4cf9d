import { describe, expect, it } from 'vitest';
import { createTeller } from './teller.ts';
import type { BuildEvent } from './types.ts';

const warning = (message: string): BuildEvent => ({ kind: 'warning', message });

function* warnings(count: number): Generator<BuildEvent> {
  for (let at = 0; at < count; at += 1) yield warning(String(at));
}

const busy = (ms: number): void => {
  const until = performance.now() + ms;
  while (performance.now() < until);
};

describe('the teller of a build', () => {
  it('tells few events at once', () => {
    const told: BuildEvent[] = [];
    const teller = createTeller((event) => told.push(event));
    teller.tellAll(warnings(3));
    teller.emit(warning('last'));
    expect(told).toEqual([...warnings(3), warning('last')]);
  });

  it('lets others have the thread while it tells many, and keeps their order', async () => {
    const told: BuildEvent[] = [];
    let turns = 0;
    const teller = createTeller((event) => {
      busy(1);
      told.push(event);
    });
    teller.tellAll(warnings(60));
    expect(told.length).toBeLessThan(60);
    teller.emit(warning('log'));
    teller.tellAll([warning('more')]);
    const counting = setInterval(() => (turns += 1), 0);
    await teller.settled();
    clearInterval(counting);
    expect(told).toEqual([...warnings(60), warning('log'), warning('more')]);
    expect(turns).toBeGreaterThan(0);
  });

  it('hands on what its receiver throws', async () => {
    let count = 0;
    const teller = createTeller(() => {
      busy(1);
      count += 1;
      if (count === 40) throw new Error('gone');
    });
    teller.tellAll(warnings(60));
    await expect(teller.settled()).rejects.toThrow('gone');
    await teller.settled();
    expect(count).toBe(40);
  });
});
