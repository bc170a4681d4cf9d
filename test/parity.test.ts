/** What `images`, `rmi` and `image prune` say and leave, held to what Debian's dockerd said (test/parity/record.ts). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import recorded from './parity/dockerd.json' with { type: 'json' };
import { playAll, SITUATIONS } from './parity/play.ts';
import { startMachine, startRegistry } from './support/lade.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
const expected: Readonly<Record<string, readonly string[]>> = recorded.said;
let said: Readonly<Record<string, readonly string[]>>;

beforeAll(async () => {
  await using registry = await startRegistry(scratch.join('registry'));
  await using machine = await startMachine(scratch);
  said = await playAll({ socket: machine.socket, registry: registry.address });
}, 300_000);

afterAll(() => scratch[Symbol.dispose]());

test('every situation is recorded, and no other', () => {
  expect(Object.keys(SITUATIONS).toSorted()).toEqual(Object.keys(expected).toSorted());
});

describe(`as ${recorded.engine} does it`, () => {
  test.each(Object.keys(SITUATIONS))('%s', (name) => {
    expect(said[name]).toEqual(expected[name]);
  });
});
