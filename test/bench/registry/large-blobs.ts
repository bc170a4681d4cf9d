import { randomBytes } from 'node:crypto';
import type { Measure } from './bench.ts';
import { createClient, pushBlob, sha256 } from './client.ts';
import { startBoth } from './peers.ts';
import { atLeast, race } from './race.ts';
import { runWrk } from './wrk.ts';

const REPOSITORY = 'team/app';
const BYTES = 61_000_000;

/** One layer that many ask for at once. */
export const rows: Measure = async (bench) => {
  await using stack = new AsyncDisposableStack();
  const registries = await startBoth(bench, stack);
  const folder = bench.roots.next().path;
  const bytes = randomBytes(BYTES);
  const digest = sha256(bytes);
  for (const registry of registries) {
    using client = createClient(registry);
    await pushBlob(client, REPOSITORY, bytes, digest);
  }
  const raced = await race(registries, bench.rounds, async (registry) => {
    const load = { paths: [`/v2/${REPOSITORY}/blobs/${digest}`], connections: 32, seconds: 6 };
    const { megabytesPerSecond, cpuMs } = await runWrk(registry, folder, load);
    return { value: megabytesPerSecond, cpuMs };
  });
  return [atLeast('GET blob of 61 MB, 32 connections', { raced, unit: 'MB/s', goal: 0.8 })];
};
