import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openMetadata } from './index.ts';
import { expect, test } from 'vitest';

test('nobody but its owner reads the database, its log, or a snapshot: they hold hashes and signing keys', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'lade-private-'));
  const metadata = await openMetadata(join(dir, 'registry.db'));
  try {
    await metadata.accounts.addAccount({ name: 'ann', kind: 'user' }, { actor: 'test' });
    await metadata.backups.snapshot(join(dir, 'snapshot.db'));
    for (const name of ['registry.db', 'registry.db-wal', 'snapshot.db'])
      expect([name, (await stat(join(dir, name))).mode & 0o777]).toEqual([name, 0o600]);
  } finally {
    await metadata[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  }
});
