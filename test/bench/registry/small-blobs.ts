import { randomBytes } from 'node:crypto';
import type { Measure } from './bench.ts';
import { createClient, pushBlob, sha256 } from './client.ts';
import { startBoth, type BenchedRegistry } from './peers.ts';
import { atLeast, race } from './race.ts';
import { runWrk } from './wrk.ts';

const REPOSITORY = 'team/app';
const BLOBS = 200;
const BYTES = 5_000;

const pushBlobs = async (registry: BenchedRegistry): Promise<readonly string[]> => {
  using client = createClient(registry);
  const push = async (): Promise<string> => {
    const bytes = randomBytes(BYTES);
    const digest = sha256(bytes);
    await pushBlob(client, REPOSITORY, bytes, digest);
    return `/v2/${REPOSITORY}/blobs/${digest}`;
  };
  return await Promise.all(Array.from({ length: BLOBS }, push));
};

/** Configurations: blobs of a few kilobytes, many of them. */
export const rows: Measure = async (bench) => {
  await using stack = new AsyncDisposableStack();
  const registries = await startBoth(bench, stack);
  const folder = bench.roots.next().path;
  const paths = new Map<BenchedRegistry, readonly string[]>();
  for (const registry of registries) paths.set(registry, await pushBlobs(registry));
  const raced = await race(registries, bench.rounds, async (registry) => {
    const load = { paths: paths.get(registry) ?? [], connections: 32, seconds: 4 };
    const { perSecond, cpuMs } = await runWrk(registry, folder, load);
    return { value: perSecond, cpuMs };
  });
  return [atLeast(`GET ${BLOBS} blobs of 5 kB, 32 connections`, { raced, unit: '/s', goal: 5 })];
};
