import { collect, createHttpClient, createOutboundGuard, type HttpClient } from '#http';
import { notificationErrors } from './errors.ts';
import { ENVELOPE_TYPE, type DistributionEvent } from './event.ts';
import type { WebhookSettings } from './settings.ts';
import { signatureOf, SIGNATURE_HEADER } from './signature.ts';

/** Posts events to one endpoint. */
export interface Sender extends AsyncDisposable {
  /** @throws NOTIFICATIONS_REFUSED for every answer but 2xx, and what the connection says */
  send(events: readonly DistributionEvent[], attempt: number): Promise<{ readonly status: number }>;
}

const MAX_ANSWER_BYTES = 64 * 1024;

const guardFor = ({ allowPrivate }: WebhookSettings) => {
  if (allowPrivate === true) return undefined;
  return createOutboundGuard(allowPrivate === false ? {} : { allow: allowPrivate });
};

/** Makes the sender of an endpoint; connections are opened when something is sent. */
export const createSender = (settings: WebhookSettings, signal: AbortSignal): Sender => {
  let client: HttpClient | undefined;
  const { url, headers, secrets, timeout } = settings;
  return {
    send: async (events, attempt) => {
      client ??= createHttpClient({ guard: guardFor(settings), timeouts: { connectMs: timeout } });
      const body = JSON.stringify({ events });
      const seconds = Math.trunc(Date.now() / 1000);
      const response = await client.request({
        method: 'POST',
        url,
        headers: {
          ...headers,
          'Content-Type': ENVELOPE_TYPE,
          'User-Agent': 'lade-registry',
          'X-Lade-Attempt': String(attempt),
          ...(secrets.length === 0 ? {} : { [SIGNATURE_HEADER]: signatureOf(secrets, seconds, body) }),
        },
        body,
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]),
      });
      // Nobody reads what an endpoint says; what is longer than this loses its connection.
      await collect(response.body, MAX_ANSWER_BYTES).catch(() => response.body.destroy());
      const { status } = response;
      if (status < 200 || status > 299) throw notificationErrors.refused({ status });
      return { status };
    },
    [Symbol.asyncDispose]: async () => {
      await client?.[Symbol.asyncDispose]();
    },
  };
};
