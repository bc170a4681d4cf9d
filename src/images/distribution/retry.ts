import { setTimeout as sleep } from 'node:timers/promises';
import { isLadeError, systemErrors } from '#errors';
import { httpErrors, type HttpResponse } from '#http';
import type { RetryPolicy } from './types.ts';

export interface Retry {
  readonly attempts: number;
  /** Waits before attempt number `next` (the second is 2); longer when the registry said so. */
  pause(
    next: number,
    o?: { readonly after?: number | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<void>;
}

const MAX_RETRY_AFTER_MS = 120_000;

/** Pauses that double, with jitter so that many clients do not come back together. */
export const createRetry = (policy: RetryPolicy = {}): Retry => {
  const first = policy.backoffMs ?? 300;
  const longest = policy.maxBackoffMs ?? 30_000;
  return {
    attempts: policy.attempts ?? 5,
    pause: async (next, { after, signal } = {}) => {
      const backoff = Math.min(longest, first * 2 ** (next - 2));
      const wait = Math.max(after ?? 0, backoff * (0.75 + Math.random() / 2));
      await sleep(wait, undefined, signal === undefined ? {} : { signal }).catch((error: unknown) => {
        throw isLadeError(signal?.reason)
          ? signal.reason
          : systemErrors.cancelled({ message: 'waiting to try again' }, error);
      });
    },
  };
};

/** Milliseconds of a Retry-After header (seconds or a date), bounded. */
export const retryAfterMs = (
  header: HttpResponse['headers'][string],
  now: number = Date.now(),
): number | undefined => {
  if (typeof header !== 'string') return undefined;
  const wait = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, 0), MAX_RETRY_AFTER_MS);
};

/** Answers that may be different next time. */
export const isTransientStatus = (status: number): boolean =>
  status === 408 || status === 429 || status === 500 || status === 502 || status === 503 || status === 504;

/** Failures that may not happen again: broken and stalled connections, not refused ones. */
export const isTransientFailure = (error: unknown): boolean =>
  httpErrors.connectionLost.is(error) || httpErrors.timedOut.is(error);

export interface RetriedCall {
  readonly policy: RetryPolicy | undefined;
  /** Tries in all; the policy's when absent. */
  readonly attempts?: number | undefined;
  /** Whether broken connections are tried again too, rather than answers alone. */
  readonly failures: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Sends until the answer is one to keep; the last answer or failure when all tries are used up. */
export const retrying = async <R extends HttpResponse>(
  send: () => Promise<R>,
  call: RetriedCall,
): Promise<R> => {
  const retry = createRetry(call.policy);
  const attempts = call.attempts ?? retry.attempts;
  for (let tries = 1; ; tries += 1) {
    const result = await attempt(send, call.failures && tries < attempts);
    const answer = 'failure' in result ? undefined : result.answer;
    if (answer !== undefined && (!isTransientStatus(answer.status) || tries >= attempts)) return answer;
    const after = retryAfterMs(answer?.headers['retry-after']);
    const longest = call.policy?.maxRetryAfterMs ?? MAX_RETRY_AFTER_MS;
    if (answer !== undefined && (after ?? 0) > longest) return answer;
    answer?.body.on('error', () => undefined).resume();
    await retry.pause(tries + 1, { after, signal: call.signal });
  }
};

/** An answer, or the failure where that may be mended by another try. */
const attempt = async <R extends HttpResponse>(
  send: () => Promise<R>,
  again: boolean,
): Promise<{ readonly answer: R } | { readonly failure: unknown }> => {
  try {
    return { answer: await send() };
  } catch (failure) {
    if (!again || !isTransientFailure(failure)) throw failure;
    return { failure };
  }
};
