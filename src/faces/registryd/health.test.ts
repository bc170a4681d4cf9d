import { tmpdir } from 'node:os';
import { expect, test, vi } from 'vitest';
import { createReadiness, type ReadinessOptions } from './health.ts';

/** Of a database that does not take writes, on a disk with room. */
const optionsOf = (failed: ReadinessOptions['failed'], root = tmpdir()): ReadinessOptions => {
  const probe = async () => {
    throw new Error("disk I/O error in: INSERT INTO secret, '/srv/registry.db'");
  };
  const metadata = { deliveries: { probe } } as unknown as ReadinessOptions['metadata'];
  return { root, diskFloor: 0, metadata, failed };
};

test('everybody sees which check failed, and the log why', async () => {
  const failed = vi.fn<ReadinessOptions['failed']>();
  const readiness = createReadiness(optionsOf(failed));
  expect(await readiness()).toEqual({ ready: false, checks: { database: 'failed', disk: 'ok' } });
  expect(failed.mock.calls).toEqual([['database', expect.stringContaining('/srv/registry.db') as string]]);
});

test('a directory that is gone is a failed check', async () => {
  const failed = vi.fn<ReadinessOptions['failed']>();
  const readiness = createReadiness(optionsOf(failed, '/no/such/directory'));
  expect(await readiness()).toEqual({ ready: false, checks: { database: 'failed', disk: 'failed' } });
  expect(failed).toHaveBeenCalledTimes(2);
});
