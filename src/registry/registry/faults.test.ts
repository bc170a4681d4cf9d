import { accessErrors, createOpenAccess, type AccessControl } from '#access';
import { afterEach, expect, test, vi } from 'vitest';
import { startWireRegistry } from './testing.ts';

const SECRET = "SELECT secret FROM '/srv/registry.db'";
const fault = (): never => {
  throw new Error(SECRET);
};

afterEach(() => vi.restoreAllMocks());

test('a fault of the administration goes to the observer, and nothing of it to the client', async () => {
  await using wire = await startWireRegistry();
  vi.spyOn(wire.storage.metadata.catalog, 'repositories').mockImplementation(fault);
  const answer = await wire.call('GET', '/lade/v1/registry/repositories?q=x');
  expect(answer.status).toBe(500);
  expect(answer.text).not.toContain('secret');
  expect(answer.text).not.toContain('/srv');
  expect(answer.json).toMatchObject({ requestId: expect.any(String) as string });
  expect(wire.failures).toMatchObject([
    { method: 'GET', path: '/lade/v1/registry/repositories', error: { message: SECRET } },
  ]);
});

test('what a client asks wrongly keeps its message and is no fault', async () => {
  await using wire = await startWireRegistry();
  const answer = await wire.call('GET', '/lade/v1/registry/repositories/no%2Fsuch');
  expect(answer.status).toBe(404);
  expect(answer.json).toMatchObject({ message: expect.stringContaining('no/such') as string });
  expect(wire.failures).toEqual([]);
});

test('who tried too often is no fault', async () => {
  const access: AccessControl = {
    ...createOpenAccess(),
    authenticate: async () => {
      throw accessErrors.throttled({ retryAfterSeconds: 7 });
    },
  };
  await using wire = await startWireRegistry({ access });
  const answer = await wire.call('GET', '/lade/v1/registry/repositories');
  expect([answer.status, answer.headers['retry-after']]).toEqual([429, '7']);
  expect(wire.failures).toEqual([]);
});

test('a fault of the token endpoint goes to the observer, without the query', async () => {
  const access: AccessControl = {
    ...createOpenAccess(),
    tokens: { get: fault, post: fault, keys: fault, rotateKeys: fault },
  };
  await using wire = await startWireRegistry({ access });
  const answer = await wire.call('GET', '/token?service=x&scope=y');
  expect(answer.status).toBe(500);
  expect(answer.text).not.toContain('secret');
  expect(wire.failures).toMatchObject([{ method: 'GET', path: '/token', error: { message: SECRET } }]);
});
