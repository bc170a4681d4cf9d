import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Measure } from './bench.ts';
import { createClient, pushBlob, sha256, type Client } from './client.ts';
import { startBoth, type BenchedRegistry } from './peers.ts';
import { cpuMs } from './process-state.ts';
import { atLeast, race, type Sample } from './race.ts';

const REPOSITORY = 'team/app';
const LARGE = 64 * 1024 * 1024;
const LARGE_AT_ONCE = 3;
const SMALL = 4096;
const SMALL_AT_ONCE = 16;
const SMALL_MS = 4_000;

interface NewBlob {
  readonly bytes: Buffer;
  readonly digest: string;
}

/** Content that nobody has: the same bytes with another beginning. */
const createBlobs = (size: number): (() => NewBlob) => {
  const bytes = randomBytes(size);
  return () => {
    const own = Buffer.from(bytes);
    randomBytes(32).copy(own);
    return { bytes: own, digest: sha256(own) };
  };
};

const costing = async (
  registry: BenchedRegistry,
  work: (client: Client) => Promise<number>,
): Promise<Sample> => {
  using client = createClient(registry);
  const [began, before] = [performance.now(), cpuMs(registry.pid)];
  const blobs = await work(client);
  const seconds = (performance.now() - began) / 1000;
  return { value: blobs / seconds, cpuMs: (cpuMs(registry.pid) - before) / blobs };
};

const pushLarge = (registry: BenchedRegistry, blobs: readonly NewBlob[]): Promise<Sample> =>
  costing(registry, async (client) => {
    await Promise.all(blobs.map(({ bytes, digest }) => pushBlob(client, REPOSITORY, bytes, digest)));
    return blobs.length;
  });

const pushSmall = (registry: BenchedRegistry, next: () => NewBlob): Promise<Sample> =>
  costing(registry, async (client) => {
    let pushed = 0;
    const end = performance.now() + SMALL_MS;
    const worker = async (): Promise<void> => {
      while (performance.now() < end) {
        const { bytes, digest } = next();
        await pushBlob(client, REPOSITORY, bytes, digest);
        pushed += 1;
      }
    };
    await Promise.all(Array.from({ length: SMALL_AT_ONCE }, worker));
    return pushed;
  });

/** Blobs by POST, PATCH and PUT; each is durable before the answer in both registries. */
export const rows: Measure = async (bench) => {
  await using stack = new AsyncDisposableStack();
  const registries = await startBoth(bench, stack);
  const nextLarge = createBlobs(LARGE);
  const large = await race(registries, bench.rounds, async (registry) => {
    const blobs = Array.from({ length: LARGE_AT_ONCE }, nextLarge);
    const { value, cpuMs: cpu } = await pushLarge(registry, blobs);
    return { value: (value * LARGE) / 1e6, cpuMs: cpu };
  });
  const nextSmall = createBlobs(SMALL);
  const small = await race(registries, bench.rounds, (registry) => pushSmall(registry, nextSmall));
  return [
    atLeast('PUT blob of 64 MB, 3 connections', { raced: large, unit: 'MB/s', goal: 1 }),
    atLeast('PUT blob of 4 kB, 16 connections', { raced: small, unit: 'blobs/s', goal: 3 }),
  ];
};
