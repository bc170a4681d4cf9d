import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchRow } from '../table.ts';
import type { Measure, RegistryBench } from './bench.ts';
import { createClient, pushBlob, sha256 } from './client.ts';
import { startBoth, type BenchedRegistry } from './peers.ts';
import { peakMb, residentMb } from './process-state.ts';

const REPOSITORY = 'team/app';
const BYTES = 500_000_000;
const PULLS = 64;
const SETTLE_MS = 3_000;
const STALLED_MS = 2_000;
const PULLING_MS = 5_000;

/** A connection that asks for the blob and reads nothing yet. */
const ask = async ({ host }: BenchedRegistry, path: string): Promise<Socket> => {
  const [address, port] = host.split(':');
  const socket = connect(Number(port), address);
  await once(socket, 'connect');
  socket.pause();
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  return socket;
};

/** Most memory while many pull, who read nothing at first and then as fast as they can. */
const peakOf = async (registry: BenchedRegistry, path: string): Promise<number> => {
  const sockets = await Promise.all(Array.from({ length: PULLS }, () => ask(registry, path)));
  await sleep(STALLED_MS);
  for (const socket of sockets) socket.resume();
  await sleep(PULLING_MS);
  const read = sockets.map(({ bytesRead }) => bytesRead);
  if (Math.min(...read) < 100_000) throw new Error(`${registry.name}: a pull stands still`);
  for (const socket of sockets) socket.destroy();
  return peakMb(registry.pid);
};

const idleOf = async (bench: RegistryBench): Promise<readonly (number | undefined)[]> => {
  await using stack = new AsyncDisposableStack();
  const registries = await startBoth(bench, stack);
  await sleep(SETTLE_MS);
  return registries.map(({ pid }) => residentMb(pid));
};

const mb = (value: number | undefined): string => (value === undefined ? '–' : `${value.toFixed(0)} MB`);

const row = (what: string, figures: readonly (number | undefined)[], goal: number): BenchRow => ({
  what,
  lade: `Lade ${mb(figures[0])}`,
  peer: `docker-registry ${mb(figures[1])}`,
  ratio: figures[0],
  goal,
  unit: ' MB',
});

/** Memory of a registry that nobody asks, and of one that many pull from. */
export const rows: Measure = async (bench) => {
  const idle = await idleOf(bench);
  await using stack = new AsyncDisposableStack();
  const registries = await startBoth(bench, stack);
  const peaks: number[] = [];
  for (const registry of registries) {
    const bytes = Buffer.alloc(BYTES);
    randomBytes(32).copy(bytes);
    const digest = sha256(bytes);
    using client = createClient(registry);
    await pushBlob(client, REPOSITORY, bytes, digest);
    peaks.push(await peakOf(registry, `/v2/${REPOSITORY}/blobs/${digest}`));
  }
  return [
    row('memory after the start, nobody asks', idle, 80),
    row(`most memory with ${PULLS} pulls of 500 MB, and their push`, peaks, 200),
  ];
};
