import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openMetadata } from '#metadata';
import { expect, test } from 'vitest';
import { createAccountService } from './account-service.ts';
import { createReloadableAccess } from './reloadable-access.ts';
import { accessSettings } from './settings.ts';
import { basic, TEST_CAUSE } from './testing.ts';

test('other settings count at once, and those that cannot be used change nothing', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'lade-reload-'));
  await using metadata = await openMetadata(join(dir, 'registry.db'));
  await using access = await createReloadableAccess({ ...metadata, settings: accessSettings.parse({}) });
  const service = createAccountService(metadata.accounts);
  await service.addUser({ name: 'ann', password: 'ann-password' }, TEST_CAUSE);
  const { authorization } = basic('ann', 'ann-password');
  const challenge = (): string => access.challenge([], { origin: 'http://r', authorization: undefined });
  const login = async (): Promise<string> =>
    (await access.authenticate({ authorization, address: '127.0.0.1' })).name;
  expect([await login(), challenge(), access.tokens === undefined]).toEqual([
    'ann',
    'Bearer realm="http://r/token",service="lade-registry"',
    false,
  ]);
  await access.reload(accessSettings.parse({ tokens: { enabled: false } }));
  expect([await login(), challenge(), access.tokens]).toEqual([
    'ann',
    'Basic realm="lade registry"',
    undefined,
  ]);
  await expect(access.reload(accessSettings.parse({ htpasswd: join(dir, 'none') }))).rejects.toThrow(
    'cannot read',
  );
  expect([await login(), challenge()]).toEqual(['ann', 'Basic realm="lade registry"']);
  await access.reload(accessSettings.parse({ publicUrl: 'https://r.example/' }));
  expect(challenge()).toContain('realm="https://r.example/token"');
  await rm(dir, { recursive: true });
});
