import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Family } from './exposition.ts';

const SECOND_NS = 1e9;
const MICROSECONDS = 1e6;
const RESOLUTION_MS = 20;

/** Memory, processor time and event loop of this process, under the names that every exporter uses. */
export const createProcessMetrics = () => {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const startedSeconds = Date.now() / 1000 - process.uptime();
  const one = (name: string, help: string, value: number, type: Family['type'] = 'gauge'): Family => ({
    name,
    help,
    type,
    samples: [{ value }],
  });
  return {
    families: (): readonly Family[] => {
      const { user, system } = process.cpuUsage();
      const { rss, heapUsed } = process.memoryUsage();
      const p99 = delay.percentile(99) / SECOND_NS;
      delay.reset();
      return [
        one('process_cpu_seconds_total', 'Processor time used.', (user + system) / MICROSECONDS, 'counter'),
        one('process_resident_memory_bytes', 'Resident memory.', rss),
        one('process_start_time_seconds', 'When the process started.', startedSeconds),
        one('nodejs_heap_size_used_bytes', 'JavaScript heap in use.', heapUsed),
        one('nodejs_eventloop_lag_p99_seconds', 'Delay of the event loop since the last scrape.', p99),
      ];
    },
    [Symbol.dispose]: () => void delay.disable(),
  };
};
