import { accessErrors, createOpenAccess, type AccessControl } from '#access';
import { expect, test, vi } from 'vitest';
import { startWireRegistry } from './testing.ts';

const refusing = (error: Error): AccessControl => ({
  ...createOpenAccess(),
  authenticate: async () => {
    throw error;
  },
});

test('only who proves to be nobody is asked to log in', async () => {
  await using wire = await startWireRegistry({ access: refusing(accessErrors.unauthorized({})) });
  const answer = await wire.call('GET', '/v1/search?q=x');
  expect(answer.status).toBe(401);
  expect(answer.headers['www-authenticate']).toBe('Basic realm="lade registry"');
});

test('who tried too often is told to wait', async () => {
  const error = accessErrors.throttled({ retryAfterSeconds: 7 });
  await using wire = await startWireRegistry({ access: refusing(error) });
  const answer = await wire.call('GET', '/v1/search?q=x');
  expect([answer.status, answer.code]).toEqual([429, 'TOOMANYREQUESTS']);
  expect(answer.headers['retry-after']).toBe('7');
  expect(wire.failures).toEqual([]);
});

test('a fault of the registry is none of the login, and its text stays inside', async () => {
  await using wire = await startWireRegistry();
  vi.spyOn(wire.storage.metadata.catalog, 'repositoryCards').mockImplementation(() => {
    throw new Error('SELECT secret');
  });
  const answer = await wire.call('GET', '/v1/search?q=x');
  expect(answer.status).toBe(500);
  expect(answer.text).not.toContain('secret');
  expect(wire.failures).toMatchObject([{ path: '/v1/search', error: { message: 'SELECT secret' } }]);
});
