import { exportJWK, generateKeyPair } from 'jose';
import { expect, test } from 'vitest';
import { createSigningKeys } from './signing-keys.ts';

test('a key that is dropped while it is imported is not found afterwards', async () => {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  let stored = [{ id: 'old', jwk: JSON.stringify(await exportJWK(privateKey)), createdMs: Date.now() }];
  let version = 0;
  const keys = createSigningKeys({
    accounts: {
      signingKeys: () => stored,
      version: () => version,
      addSigningKey: () => Promise.resolve(),
      removeSigningKey: () => Promise.resolve(),
    },
    rotateMs: 3_600_000,
    keepMs: 3_600_000,
  });
  const importing = keys.find('old');
  stored = [];
  version += 1;
  expect(await keys.find('another')).toBeUndefined();
  await importing;
  expect(await keys.find('old')).toBeUndefined();
});
