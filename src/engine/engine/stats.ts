import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { RuntimeStats } from '#runtime';
import type { Container } from './container.ts';
import type { EngineContext } from './context.ts';
import { isLive } from './record.ts';
import { ZERO_TIME } from './time.ts';
import type { StatsReading } from './wire-types.ts';

const INTERVAL_MS = 1000;
const NS_PER_TICK = 10_000_000;

interface Counters {
  readonly rx: readonly number[];
  readonly tx: readonly number[];
}

/** Lines of /proc/PID/net/dev: eight numbers received, eight sent. */
export const parseNetDev = (text: string): Readonly<Record<string, Counters>> =>
  Object.fromEntries(
    text
      .split('\n')
      .slice(2)
      .map((line) => line.trim().split(/:\s*/))
      .filter((parts): parts is [string, string] => parts.length === 2 && parts[0] !== 'lo')
      .map(([device, numbers]) => {
        const values = numbers.split(/\s+/).map(Number);
        return [device, { rx: values.slice(0, 4), tx: values.slice(8, 12) }];
      }),
  );

const readText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

const networksOf = (pid: number): Readonly<Record<string, Readonly<Record<string, number>>>> =>
  Object.fromEntries(
    Object.entries(parseNetDev(readText(`/proc/${pid}/net/dev`))).map(([device, { rx, tx }]) => [
      device,
      {
        rx_bytes: rx[0] ?? 0,
        rx_packets: rx[1] ?? 0,
        rx_errors: rx[2] ?? 0,
        rx_dropped: rx[3] ?? 0,
        tx_bytes: tx[0] ?? 0,
        tx_packets: tx[1] ?? 0,
        tx_errors: tx[2] ?? 0,
        tx_dropped: tx[3] ?? 0,
      },
    ]),
  );

/** Time that all processors together spent, idle time included. */
const systemCpuNs = (): number => {
  const line = readText('/proc/stat').split('\n', 1)[0] ?? '';
  const ticks = line.split(/\s+/).slice(1, 9).map(Number);
  return ticks.reduce((sum, value) => sum + value, 0) * NS_PER_TICK;
};

const cpuStats = (stats: RuntimeStats): Readonly<Record<string, unknown>> => ({
  cpu_usage: {
    total_usage: stats.cpu.totalNs,
    usage_in_kernelmode: stats.cpu.systemNs,
    usage_in_usermode: stats.cpu.userNs,
  },
  system_cpu_usage: systemCpuNs(),
  online_cpus: availableParallelism(),
  throttling_data: {
    periods: stats.cpu.periods,
    throttled_periods: stats.cpu.throttledPeriods,
    throttled_time: stats.cpu.throttledNs,
  },
});

const EMPTY_CPU = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

const blockIo = (stats: RuntimeStats): Readonly<Record<string, unknown>> => ({
  io_service_bytes_recursive: stats.blockIo.map(({ major, minor, op, bytes }) => ({
    major,
    minor,
    op,
    value: bytes,
  })),
  io_serviced_recursive: null,
  io_queue_recursive: null,
  io_service_time_recursive: null,
  io_wait_time_recursive: null,
  io_merged_recursive: null,
  io_time_recursive: null,
  sectors_recursive: null,
});

interface Previous {
  readonly read: string;
  readonly cpu: Readonly<Record<string, unknown>>;
}

const reading = (
  container: Container,
  stats: RuntimeStats,
  previous: Previous | undefined,
): { readonly value: StatsReading; readonly next: Previous } => {
  const { record } = container;
  const pid = record.state.kind === 'running' || record.state.kind === 'paused' ? record.state.pid : 0;
  const next = { read: stats.readAt.toISOString(), cpu: cpuStats(stats) };
  const value = {
    id: record.id,
    name: `/${record.name}`,
    read: next.read,
    preread: previous?.read ?? ZERO_TIME,
    num_procs: 0,
    pids_stats: { current: stats.pids.current, limit: stats.pids.limit },
    blkio_stats: blockIo(stats),
    storage_stats: {},
    cpu_stats: next.cpu,
    precpu_stats: previous?.cpu ?? EMPTY_CPU,
    memory_stats: {
      usage: stats.memory.usageBytes,
      limit: stats.memory.limitBytes ?? totalmem(),
      stats: stats.memory.stats,
    },
    networks: networksOf(pid),
  };
  return { value, next };
};

const emptyReading = (container: Container): StatsReading => ({
  id: container.id,
  name: `/${container.record.name}`,
  read: ZERO_TIME,
  preread: ZERO_TIME,
  pids_stats: {},
  blkio_stats: {},
  num_procs: 0,
  storage_stats: {},
  cpu_stats: EMPTY_CPU,
  precpu_stats: EMPTY_CPU,
  memory_stats: {},
});

/**
 * Readings of what a container uses. A single one that is not `oneShot` takes a second, so that it can say what was
 * used meanwhile. A container that does not run gives empty readings.
 */
export async function* stats(
  context: EngineContext,
  container: Container,
  options: {
    readonly stream?: boolean | undefined;
    readonly oneShot?: boolean | undefined;
    readonly signal?: AbortSignal | undefined;
  } = {},
): AsyncGenerator<StatsReading> {
  let previous: Previous | undefined;
  const single = options.stream === false;
  for (let round = 0; options.signal?.aborted !== true; round += 1) {
    if (isLive(container.record)) {
      const { value, next } = reading(container, context.runtime.stats(container.id), previous);
      previous = next;
      const skip = single && options.oneShot !== true && round === 0;
      if (!skip) yield value;
      if (single && !skip) return;
    } else {
      yield emptyReading(container);
      if (single || container.removing) return;
    }
    await delay(INTERVAL_MS, undefined, { signal: options.signal }).catch(() => undefined);
  }
}
