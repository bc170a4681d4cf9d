import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startWireRegistry, type WireRegistry } from '../registry/testing.ts';
import { conformanceChecks, runConformance, type CheckResult } from './index.ts';

let wire: WireRegistry;
const results = new Map<string, CheckResult>();
beforeAll(async () => {
  wire = await startWireRegistry();
  for await (const result of runConformance({ url: wire.url })) results.set(result.id, result);
});
afterAll(() => wire[Symbol.asyncDispose]());

/** What the specification leaves open and this registry does not have: it takes chunks of any size. */
const LEFT_OPEN: ReadonlySet<string> = new Set(['pushing-a-blob-in-chunks-1']);

test('every check has an id of its own', () => {
  expect(new Set(conformanceChecks.map(({ id }) => id)).size).toBe(conformanceChecks.length);
});

describe.each(['MUST', 'SHOULD', 'MAY'] as const)('what a registry %s do', (level) => {
  test.each(conformanceChecks.filter((check) => check.level === level))('$id: $says', ({ id }) => {
    const outcome = LEFT_OPEN.has(id) ? 'unsupported' : 'passed';
    expect(results.get(id), results.get(id)?.reason ?? '').toMatchObject({ outcome });
  });
});

test('nothing that was pushed stays, and nothing of it is a fault of the registry', async () => {
  expect((await wire.call('GET', '/v2/_catalog')).json).toEqual({ repositories: [] });
  expect(wire.failures).toEqual([]);
});
