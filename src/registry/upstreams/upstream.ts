import { createRegistryClient, distributionErrors, type RemoteRepository } from '#distribution';
import { isLadeError, toLadeError, type LadeError } from '#errors';
import { createOutboundGuard, httpErrors } from '#http';
import { upstreamErrors } from './errors.ts';
import { isHub, namespaceOf } from './names.ts';
import type { UpstreamCounters, UpstreamSettings } from './types.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const DEFAULTS = {
  tagTtl: 15 * MINUTE_MS,
  staleFor: 30 * DAY_MS,
  missingTtl: MINUTE_MS,
  timeout: 10_000,
} as const;
const DEFAULT_FETCHES = 16;
/** How long an upstream that could not be reached is left alone. */
const PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 60 * MINUTE_MS;
/** A longer wait is not for the client that stands in line: it is told to come back. */
const LONGEST_WAIT_MS = 1_000;

type Times = Readonly<Record<keyof typeof DEFAULTS, number>>;

export interface Pause {
  readonly untilMs: number;
  readonly error: LadeError;
}

/** One other registry: asked with our credentials, left alone for a while when it is down or has had enough. */
export interface Upstream extends AsyncDisposable {
  readonly settings: UpstreamSettings;
  readonly name: string;
  readonly times: Times;
  /** Blobs that may be on their way from it at once. */
  readonly fetches: number;
  readonly counters: { -readonly [K in keyof UpstreamCounters]: UpstreamCounters[K] };
  readonly pause: Pause | undefined;
  readonly lastError: string | undefined;
  repository(path: string): RemoteRepository;
  /**
   * Runs a request; `signal` aborts when it takes too long. What is not there is undefined, every other failure an error
   * of this room.
   */
  ask<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined>;
  /** What a failure means for who asked. */
  failure(error: unknown): LadeError;
}

const allowanceOf = ({ allowPrivate, url }: UpstreamSettings): readonly string[] => {
  if (allowPrivate === undefined || allowPrivate === false) return [];
  if (allowPrivate !== true) return allowPrivate;
  const { hostname, port, protocol } = new URL(url);
  return [`${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`];
};

/** With its scheme: no client falls back from TLS to plain HTTP. */
const addressOf = ({ url }: UpstreamSettings): string => {
  const { hostname, origin } = new URL(url);
  return isHub(hostname) ? 'https://registry-1.docker.io' : origin;
};

const clientOf = (settings: UpstreamSettings) => {
  const { url, username, password, insecure = false } = settings;
  const plainHttp = new URL(url).protocol === 'http:';
  return createRegistryClient({
    credentials: async () =>
      username === undefined || password === undefined ? undefined : { kind: 'basic', username, password },
    hosts: () => ({ plainHttp, insecure }),
    guard: createOutboundGuard({ allow: allowanceOf(settings) }),
    retry: {
      attempts: 3,
      backoffMs: 200,
      maxBackoffMs: 2_000,
      maxRetryAfterMs: LONGEST_WAIT_MS,
      idleMs: 30_000,
    },
  });
};

const isMissing = (error: unknown): boolean => isLadeError(error, 'not-found');

/** For who pulls; addresses of the inner network are for the administrator alone. */
const reasonOf = (error: LadeError): string => {
  if (error.code === httpErrors.targetRefused.code)
    return 'this registry may not connect to where it is or leads to';
  return error.kind === 'cancelled' ? 'it did not answer in time' : error.message;
};

const retryAfterOf = (error: LadeError): number => {
  const told = error.details?.['retryAfterMs'];
  return Math.min(typeof told === 'number' ? told : PAUSE_MS, LONGEST_PAUSE_MS);
};

/** Failures of this registry itself, such as a full disk, say nothing of the upstream. */
const isOfUpstream = ({ code, kind }: LadeError): boolean =>
  kind === 'cancelled' || /^(?:DISTRIBUTION|HTTP|OCI|UPSTREAMS)_/.test(code);

const isAboutAll = (error: LadeError): boolean =>
  error.code === distributionErrors.rateLimited.code ||
  error.code === httpErrors.unreachable.code ||
  error.code === httpErrors.timedOut.code ||
  error.kind === 'cancelled';

const translate = (upstream: string, error: LadeError): LadeError => {
  const retryAfterS = Math.ceil(retryAfterOf(error) / 1000);
  if (error.code.startsWith('UPSTREAMS_')) return error;
  if (error.code === distributionErrors.rateLimited.code)
    return upstreamErrors.rateLimited({ upstream, retryAfterS }, error);
  if (error.code === distributionErrors.unauthorized.code || error.code === distributionErrors.denied.code)
    return upstreamErrors.refused({ upstream, reason: error.message }, error);
  if (error.kind === 'corrupt' || error.kind === 'invalid-argument')
    return upstreamErrors.wrongContent({ upstream, reason: error.message, retryAfterS }, error);
  return upstreamErrors.unavailable({ upstream, reason: reasonOf(error), retryAfterS }, error);
};

export const createUpstream = (settings: UpstreamSettings): Upstream => {
  const client = clientOf(settings);
  const domain = addressOf(settings);
  const name = namespaceOf(settings);
  const times: Times = {
    tagTtl: settings.tagTtl ?? DEFAULTS.tagTtl,
    staleFor: settings.staleFor ?? DEFAULTS.staleFor,
    missingTtl: settings.missingTtl ?? DEFAULTS.missingTtl,
    timeout: settings.timeout ?? DEFAULTS.timeout,
  };
  const counters = { hits: 0, misses: 0, stale: 0, failures: 0, fetchedBytes: 0 };
  let pause: Pause | undefined;
  let lastError: string | undefined;

  const failure = (thrown: unknown): LadeError => {
    const found = toLadeError(thrown);
    if (!isOfUpstream(found)) return found;
    const error = translate(name, found);
    counters.failures += 1;
    lastError = found.message;
    if (isAboutAll(found)) pause = { untilMs: Date.now() + retryAfterOf(found), error };
    return error;
  };

  return {
    settings,
    name,
    times,
    fetches: settings.fetches ?? DEFAULT_FETCHES,
    counters,
    get pause() {
      return pause !== undefined && pause.untilMs > Date.now() ? pause : undefined;
    },
    get lastError() {
      return lastError;
    },
    repository: (path) => client.repository({ domain, path }),
    failure,
    ask: async (work) => {
      if (pause !== undefined && pause.untilMs > Date.now()) throw pause.error;
      try {
        const found = await work(AbortSignal.timeout(times.timeout));
        pause = undefined;
        return found;
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw failure(error);
      }
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
};
