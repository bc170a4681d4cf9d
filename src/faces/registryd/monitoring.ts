import type { OpenStorage } from '#registry';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { createAccessLog } from './access-log.ts';
import { expose, type Family } from './exposition.ts';
import { createFront, type Front, type FrontOptions } from './front.ts';
import { createReadiness } from './health.ts';
import { createProcessMetrics } from './process-metrics.ts';
import { createRequestMetrics } from './request-metrics.ts';
import type { RegistrySettings } from './settings.ts';
import { storageFamilies } from './storage-metrics.ts';
import { createTraffic } from './traffic.ts';
import { createProxyTrust } from './trusted-proxies.ts';

/** Says figures when they are asked for. */
export type FamilySource = () => readonly Family[] | Promise<readonly Family[]>;

/** Counts and logs requests, and answers monitors. */
export interface Monitoring extends AsyncDisposable {
  /** To be called with every request before anything else sees it. */
  begin(request: IncomingMessage, response: ServerResponse): void;
  /** Answers monitors on the registry's own addresses, and on the address for metrics alone. */
  readonly front: Front;
  readonly sideFront: Front;
  /** More figures for `/metrics`. */
  add(families: FamilySource): void;
  reload(settings: RegistrySettings): void;
}

/** Levels at which requests are logged unless the settings say where to. */
const TALKATIVE: ReadonlySet<string> = new Set(['trace', 'debug', 'info']);

/** Where requests are logged. */
const accessTarget = ({ accessLog, log }: RegistrySettings): string =>
  accessLog.to ?? (TALKATIVE.has(log.level) ? 'stderr' : 'off');

const metricsRule = ({ enabled, token, listen }: RegistrySettings['metrics']): FrontOptions['metricsFor'] => {
  if (!enabled || listen !== undefined) return { kind: 'nobody' };
  return token === undefined ? { kind: 'loopback' } : { kind: 'token', token };
};

/** Access log, metrics and the answers for monitors, of one registry. */
export const createMonitoring = (
  settings: RegistrySettings,
  storage: OpenStorage,
  log: Logger,
): Monitoring => {
  let target = accessTarget(settings);
  let accessLog = target === 'off' ? undefined : createAccessLog(target);
  const requests = createRequestMetrics();
  const own = createProcessMetrics();
  const sources: FamilySource[] = [
    () => requests.families(),
    () => storageFamilies(storage),
    () => own.families(),
  ];
  const traffic = createTraffic(createProxyTrust(settings.trustedProxies), (served) => {
    requests.record(served);
    accessLog?.record(served);
  });
  const gauge = (name: string, help: string, value: number): Family => ({
    name: `lade_registry_${name}`,
    help,
    type: 'gauge',
    samples: [{ value }],
  });
  sources.push(() => [
    gauge('requests_in_flight', 'Requests that have not ended.', traffic.inFlight),
    gauge('uploads_in_flight', 'Those of them that upload.', traffic.uploads),
  ]);
  const { diskFloor } = settings.health;
  const answers = {
    readiness: createReadiness({
      root: storage.path,
      diskFloor,
      metadata: storage.metadata,
      failed: (check, reason) => log.error({ check, reason }, 'not ready'),
    }),
    metrics: async () => expose((await Promise.all(sources.map(async (source) => source()))).flat()),
  };
  const sideRule = { kind: settings.metrics.enabled ? 'open' : 'nobody' } as const;
  return {
    begin: (request, response) => traffic.begin(request, response),
    front: createFront({ ...answers, metricsFor: metricsRule(settings.metrics) }),
    sideFront: createFront({ ...answers, metricsFor: sideRule }),
    add: (families) => void sources.push(families),
    reload: (next) => {
      const wanted = accessTarget(next);
      if (wanted === target) {
        accessLog?.reopen();
        return;
      }
      const old = accessLog;
      accessLog = wanted === 'off' ? undefined : createAccessLog(wanted);
      target = wanted;
      Promise.resolve(old?.[Symbol.asyncDispose]()).catch((error: unknown) =>
        log.error({ err: error }, 'access log'),
      );
    },
    [Symbol.asyncDispose]: async () => {
      own[Symbol.dispose]();
      await accessLog?.[Symbol.asyncDispose]();
    },
  };
};
