import { readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchRow } from '../table.ts';
import type { Measure } from './bench.ts';
import { serveLarge } from './fixture.ts';
import { createRoots, startPeer, type Peer, type PeerKind, type Roots } from './peers.ts';

/** Pings come so often, one after another. */
const PING_EVERY_MS = 10;

/** Most memory that a process had so far, in MB. */
const peakMb = (pid: number): number => {
  const kb = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kb) / 1024;
};

const ping = (socketPath: string, agent: Agent): Promise<number> =>
  new Promise((resolve, reject) => {
    const began = performance.now();
    get({ socketPath, path: '/_ping', agent }, (response) => {
      response.resume();
      response.once('end', () => resolve(performance.now() - began));
    }).once('error', reject);
  });

interface Pings {
  stop(): Promise<readonly number[]>;
}

/** Asks again and again whether the daemon is there, and notes how long each answer took. */
const startPings = (socketPath: string): Pings => {
  const agent = new Agent({ keepAlive: true });
  const times: number[] = [];
  const end = new AbortController();
  const loop = async (): Promise<void> => {
    while (!end.signal.aborted) {
      times.push(await ping(socketPath, agent));
      await sleep(PING_EVERY_MS);
    }
  };
  const running = loop();
  return {
    async stop() {
      end.abort();
      await running;
      agent.destroy();
      return times;
    },
  };
};

const percentile = (values: readonly number[], part: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
};

interface Measured {
  readonly peer: string;
  readonly peak: number;
  readonly p99: number;
  readonly worst: number;
  readonly seconds: number;
}

const measure = async (peer: Peer, reference: string): Promise<Measured | undefined> => {
  if (peer.host === undefined || peer.pid === undefined) return undefined;
  const pings = startPings(peer.host.slice('unix://'.length));
  const began = performance.now();
  await peer.run('pull', '-q', reference);
  const seconds = (performance.now() - began) / 1000;
  const times = await pings.stop();
  return {
    peer: peer.name,
    peak: peakMb(peer.pid),
    p99: percentile(times, 0.99),
    worst: Math.max(...times),
    seconds,
  };
};

const measureKind = async (
  kind: PeerKind,
  reference: string,
  roots: Roots,
): Promise<Measured | undefined> => {
  await using peer = await startPeer(kind, roots);
  return peer === undefined ? undefined : await measure(peer, reference);
};

const memoryText = (measured: Measured | undefined): string =>
  measured === undefined
    ? 'not installed'
    : `${measured.peer} ${measured.peak.toFixed(0)} MB in ${measured.seconds.toFixed(1)} s`;

const pingText = (measured: Measured | undefined): string =>
  measured === undefined
    ? 'not installed'
    : `${measured.peer} p99 ${measured.p99.toFixed(1)} ms, most ${measured.worst.toFixed(0)} ms`;

/** The daemon's memory and how soon it answers while it pulls 2 GB. Dockerd's process alone, without its containerd. */
export const rows: Measure = async () => {
  using roots = createRoots();
  await using fixture = await serveLarge(roots.next().path);
  const lade = await measureKind('lade', fixture.reference, roots);
  const docker = await measureKind('docker', fixture.reference, roots);
  const peakRow: BenchRow = {
    what: 'peak RSS of the daemon, pull of 2 GB in 16 layers',
    lade: memoryText(lade),
    peer: memoryText(docker),
    ratio: lade?.peak,
    goal: 250,
    unit: ' MB',
  };
  const pingRow: BenchRow = {
    what: 'GET /_ping meanwhile, p99',
    lade: pingText(lade),
    peer: pingText(docker),
    ratio: lade?.p99,
    goal: 30,
    unit: ' ms',
  };
  return [peakRow, pingRow];
};
