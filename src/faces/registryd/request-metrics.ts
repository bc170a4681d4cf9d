import { createHistogram, type Family, type Histogram } from './exposition.ts';
import { methodLabel } from './route-kind.ts';
import type { Served } from './traffic.ts';

const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600];

/** Counts requests. */
export interface RequestMetrics {
  record(served: Served): void;
  families(): readonly Family[];
}

interface Counted {
  readonly method: string;
  readonly route: string;
  readonly status: string;
  count: number;
}

interface Timed {
  readonly method: string;
  readonly route: string;
  readonly histogram: Histogram;
}

/** What `key` maps to, made where absent. */
const entry = <T>(map: Map<string, T>, key: string, make: () => T): T => {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
};

const family = (
  { name, help, type }: Pick<Family, 'name' | 'help' | 'type'>,
  samples: Family['samples'],
): Family => ({ name, help, type, samples });

/** Requests by method, route and status, their durations, and bytes both ways. */
export const createRequestMetrics = (): RequestMetrics => {
  const counted = new Map<string, Counted>();
  const timed = new Map<string, Timed>();
  let [sent, received] = [0, 0];
  return {
    record: (served) => {
      const [method, route, status] = [methodLabel(served.method), served.kind, String(served.status)];
      entry(counted, `${method} ${route} ${status}`, () => ({ method, route, status, count: 0 })).count += 1;
      const histogram = () => ({ method, route, histogram: createHistogram(BOUNDS) });
      entry(timed, `${method} ${route}`, histogram).histogram.observe(served.seconds);
      sent += served.sent;
      received += served.received;
    },
    families: () => [
      family(
        { name: 'lade_registry_requests_total', help: 'Requests answered.', type: 'counter' },
        [...counted.values()].map(({ method, route, status, count }) => ({
          labels: { method, route, status },
          value: count,
        })),
      ),
      family(
        {
          name: 'lade_registry_request_duration_seconds',
          help: 'Time from the head of a request to the end of its answer.',
          type: 'histogram',
        },
        [...timed.values()].flatMap(({ method, route, histogram }) => histogram.samples({ method, route })),
      ),
      family({ name: 'lade_registry_sent_bytes_total', help: 'Bytes of answers.', type: 'counter' }, [
        { value: sent },
      ]),
      family({ name: 'lade_registry_received_bytes_total', help: 'Bytes of requests.', type: 'counter' }, [
        { value: received },
      ]),
    ],
  };
};
