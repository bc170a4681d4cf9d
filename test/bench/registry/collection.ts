import { writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { LADE } from '../../support/lade.ts';
import { mustRun } from '../../support/process.ts';
import type { BenchRow } from '../table.ts';
import type { Measure } from './bench.ts';
import { createClient, pushManifest, type Client } from './client.ts';
import { startLade } from './peers.ts';
import { addBlob, inCrowds, withStorage } from './storage.ts';

const BLOBS = 20_000;
const CONNECTIONS = 4;
/** Between two requests of one connection: nobody waits for a queue of the clients' own making. */
const PAUSE_MS = 2;
const IDLE_MS = 5_000;

const percentile = (values: readonly number[], part: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
};

/** How long answers take while `work` goes on. */
const during = async (
  client: Client,
  path: string,
  work: () => Promise<unknown>,
): Promise<readonly number[]> => {
  const times: number[] = [];
  const end = new AbortController();
  const asking = Array.from({ length: CONNECTIONS }, async () => {
    while (!end.signal.aborted) {
      const began = performance.now();
      await client.call('GET', path);
      times.push(performance.now() - began);
      await sleep(PAUSE_MS);
    }
  });
  await work();
  end.abort();
  await Promise.all(asking);
  return times;
};

const text = (what: string, times: readonly number[]): string => {
  const [half, most, worst] = [percentile(times, 0.5), percentile(times, 0.99), Math.max(...times)];
  return `${what} p50 ${half.toFixed(1)}, p99 ${most.toFixed(1)}, most ${worst.toFixed(0)} ms`;
};

/** How soon manifests are answered while 20,000 blobs go: their records first, then their files. */
export const rows: Measure = async ({ roots }) => {
  const scratch = roots.next();
  const root = scratch.join('root');
  await withStorage(root, (storage) => inCrowds(BLOBS, () => addBlob(storage, 'team/old')));
  const config = scratch.join('registry.yaml');
  writeFileSync(config, 'keeping:\n  uploadWindow: 0s\n  gc:\n    every: 0s\n');
  await using registry = await startLade(root, { args: ['--config', config] });
  using client = createClient(registry, CONNECTIONS);
  await pushManifest(client, { repository: 'team/app', tag: 'v1', layers: 8 });
  const path = '/v2/team/app/manifests/v1';
  const gc = (...words: string[]) =>
    mustRun(LADE, ['registry', 'gc', ...words, '--registry', `unix://${root}/registry.sock`]);
  await during(client, path, () => sleep(1_000));
  const idle = await during(client, path, () => sleep(IDLE_MS));
  const began = performance.now();
  const busy = await during(client, path, async () => {
    await gc('run');
    await gc('purge', '--all');
  });
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const row: BenchRow = {
    what: `p99 of GET manifest while ${BLOBS} blobs go ÷ idle`,
    lade: text(`${seconds} s,`, busy),
    peer: text('idle', idle),
    ratio: percentile(busy, 0.99) / percentile(idle, 0.99),
    goal: 3,
  };
  return [row];
};
