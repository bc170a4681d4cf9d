import type { DockerClient } from '#client';
import { containerPath } from './paths.ts';

/** The parts of a statistics reading that are shown (Docker Engine API, ContainerStatsResponse). */
export interface StatsBody {
  readonly name?: string;
  readonly id?: string;
  readonly cpu_stats?: CpuStats;
  readonly precpu_stats?: CpuStats;
  readonly memory_stats?: {
    readonly usage?: number;
    readonly limit?: number;
    readonly stats?: Readonly<Record<string, number>>;
  };
  readonly networks?: Readonly<Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>>;
  readonly blkio_stats?: {
    readonly io_service_bytes_recursive?: readonly { readonly op: string; readonly value: number }[] | null;
  };
  readonly pids_stats?: { readonly current?: number };
}

export interface CpuStats {
  readonly cpu_usage?: { readonly total_usage?: number; readonly percpu_usage?: readonly number[] | null };
  readonly system_cpu_usage?: number;
  readonly online_cpus?: number;
}

/** The newest reading of one container; undefined before the first and when it cannot be had. */
export interface Reading {
  readonly container: string;
  body: StatsBody | undefined;
}

export interface Readings {
  latest(): readonly Reading[];
  /** Resolves when every container was read once or cannot be read. */
  readonly first: Promise<void>;
  /** Resolves when every stream has ended; rejects when the only container cannot be read. */
  readonly done: Promise<void>;
}

interface ReadOptions {
  readonly stream: boolean;
  readonly signal: AbortSignal;
}

const readOne = async (
  client: DockerClient,
  reading: Reading,
  at: ReadOptions & { readonly seen: () => void },
): Promise<void> => {
  const path = containerPath(reading.container, '/stats');
  const lines = client.lines<StatsBody>({
    method: 'GET',
    path,
    query: { stream: at.stream ? '1' : '0' },
    signal: at.signal,
  });
  try {
    for await (const body of lines) {
      reading.body = body;
      at.seen();
    }
  } finally {
    at.seen();
  }
};

/** Begins to read the statistics of every container at once. */
export const openReadings = (
  client: DockerClient,
  names: readonly string[],
  options: ReadOptions,
): Readings => {
  const readings = names.map((container): Reading => ({ container, body: undefined }));
  const firsts: Promise<void>[] = [];
  const all = readings.map((reading) => {
    let seen: () => void = () => undefined;
    firsts.push(
      new Promise<void>((resolve) => {
        seen = resolve;
      }),
    );
    return readOne(client, reading, { ...options, seen: () => seen() });
  });
  const done = all.length === 1 ? Promise.all(all) : Promise.allSettled(all);
  const ended = done.then(() => undefined);
  ended.catch(() => undefined);
  const first = Promise.all(firsts).then(() =>
    all.length === 1 && readings[0]?.body === undefined ? ended : undefined,
  );
  return { latest: () => readings, first, done: ended };
};
