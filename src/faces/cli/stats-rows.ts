import { binarySize, humanSize, shortId, type Row } from '#console';
import type { CpuStats, Reading, StatsBody } from './stats-readings.ts';

export const STATS_TABLE =
  'table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}';

export const STATS_HEADINGS = {
  Container: 'CONTAINER',
  Name: 'NAME',
  ID: 'CONTAINER ID',
  CPUPerc: 'CPU %',
  MemUsage: 'MEM USAGE / LIMIT',
  MemPerc: 'MEM %',
  NetIO: 'NET I/O',
  BlockIO: 'BLOCK I/O',
  PIDs: 'PIDS',
};

const NONE = '--';

const percent = (value: number): string => `${value.toFixed(2)}%`;

/** Share of one processor's time since the reading before. */
export const cpuPercent = (before: CpuStats | undefined, now: CpuStats | undefined): number => {
  const used = (now?.cpu_usage?.total_usage ?? 0) - (before?.cpu_usage?.total_usage ?? 0);
  const all = (now?.system_cpu_usage ?? 0) - (before?.system_cpu_usage ?? 0);
  const cpus = now?.online_cpus || (now?.cpu_usage?.percpu_usage?.length ?? 0);
  return used > 0 && all > 0 ? (used / all) * cpus * 100 : 0;
};

/** Memory in use without the page cache that can be given back. */
export const usedMemory = (memory: StatsBody['memory_stats']): number => {
  const usage = memory?.usage ?? 0;
  const inactive = memory?.stats?.['total_inactive_file'] ?? memory?.stats?.['inactive_file'] ?? 0;
  return inactive < usage ? usage - inactive : usage;
};

const blockBytes = (body: StatsBody, letter: 'r' | 'w'): number =>
  (body.blkio_stats?.io_service_bytes_recursive ?? [])
    .filter((entry) => entry.op.toLowerCase().startsWith(letter))
    .reduce((total, entry) => total + entry.value, 0);

const networkBytes = (body: StatsBody, key: 'rx_bytes' | 'tx_bytes'): number =>
  Object.values(body.networks ?? {}).reduce((total, network) => total + network[key], 0);

const pair = (a: number, b: number): string => `${humanSize(a, 3)} / ${humanSize(b, 3)}`;

/** A reading as `stats` shows it; the keys are those of docker's `{{json .}}`. */
export const statsRow = ({ container, body }: Reading, truncate: boolean): Row => {
  const id = body?.id ?? container;
  const head = { Container: container, ID: truncate ? shortId(id) : id };
  if (body === undefined)
    return {
      BlockIO: NONE,
      CPUPerc: NONE,
      ...head,
      MemPerc: NONE,
      MemUsage: NONE,
      Name: NONE,
      NetIO: NONE,
      PIDs: NONE,
    };
  const [used, limit] = [usedMemory(body.memory_stats), body.memory_stats?.limit ?? 0];
  return {
    BlockIO: pair(blockBytes(body, 'r'), blockBytes(body, 'w')),
    CPUPerc: percent(cpuPercent(body.precpu_stats, body.cpu_stats)),
    ...head,
    MemPerc: percent(limit === 0 ? 0 : (used / limit) * 100),
    MemUsage: `${binarySize(used)} / ${binarySize(limit)}`,
    Name: (body.name ?? NONE).replace(/^\//, ''),
    NetIO: pair(networkBytes(body, 'rx_bytes'), networkBytes(body, 'tx_bytes')),
    PIDs: String(body.pids_stats?.current ?? 0),
  };
};
