import { hostname } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { toLadeError } from '#errors';
import type { JournalEntry, MetadataStore } from '#metadata';
import { startEndpoint, type Endpoint, type EndpointDeps } from './endpoint.ts';
import { notificationErrors } from './errors.ts';
import { eventOf } from './event.ts';
import { createPullRecorder, type PullRecorder } from './pulls.ts';
import type { WebhookSettings } from './settings.ts';
import { streamEntries } from './stream.ts';
import type { Notifications, NotificationsOptions, ReplayResult, WebhookStatus } from './types.ts';

const REPLAY_PAGE = 100;

const withoutQuery = (text: string): string => {
  const url = new URL(text);
  return `${url.origin}${url.pathname}`;
};

const testEntry = (): JournalEntry => ({
  id: 0,
  atMs: Date.now(),
  action: 'push',
  outcome: 'done',
  repository: 'lade/webhook-test',
  tag: 'test',
  mediaType: 'application/vnd.oci.empty.v1+json',
  digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
  size: 2,
  cause: { actor: 'system:webhook-test' },
});

const statusOf = (
  { settings, state }: Endpoint,
  { lastId, deadLetters }: { readonly lastId: number; readonly deadLetters: number },
): WebhookStatus => ({
  name: settings.name,
  url: withoutQuery(settings.url),
  actions: settings.actions,
  repositories: settings.repositories,
  behind: Math.max(0, lastId - state.position),
  attempts: state.attempts,
  nextMs: state.nextMs > Date.now() ? state.nextMs : undefined,
  lastError: state.lastError,
  lastSuccessMs: state.lastSuccessMs,
  delivered: state.delivered,
  deadLetters,
});

/** The endpoints at work, by name. */
const createEndpoints = (deps: EndpointDeps) => {
  const endpoints = new Map<string, Endpoint>();
  const drop = async (name: string, endpoint: Endpoint): Promise<void> => {
    endpoints.delete(name);
    await endpoint[Symbol.asyncDispose]();
  };
  return {
    all: () => [...endpoints.values()],
    named: (name: string): Endpoint => {
      const endpoint = endpoints.get(name);
      if (endpoint === undefined) throw notificationErrors.endpointUnknown({ name });
      return endpoint;
    },
    replaceBy: async (webhooks: readonly WebhookSettings[]): Promise<void> => {
      for (const [name, endpoint] of endpoints) {
        const wanted = webhooks.find((one) => one.name === name);
        if (!isDeepStrictEqual(wanted, endpoint.settings)) await drop(name, endpoint);
      }
      for (const settings of webhooks) {
        if (!endpoints.has(settings.name)) endpoints.set(settings.name, startEndpoint(settings, deps));
      }
    },
  };
};

const replayLetters = async (
  endpoint: Endpoint,
  { deliveries }: EndpointDeps,
  only: number | undefined,
): Promise<ReplayResult> => {
  const { name } = endpoint.settings;
  let [delivered, after] = [0, only === undefined ? 0 : only - 1];
  for (;;) {
    const page = deliveries.deadLetters(name, { limit: only === undefined ? REPLAY_PAGE : 1, after });
    for (const letter of page) {
      if (only !== undefined && letter.id !== only) break;
      try {
        await endpoint.sendNow([letter.entry], letter.attempts + 1);
      } catch (error) {
        return { delivered, left: deliveries.countDeadLetters(name), reason: toLadeError(error).message };
      }
      await deliveries.removeDeadLetters([letter.id]);
      delivered += 1;
      after = letter.id;
    }
    if (only !== undefined || page.length === 0)
      return { delivered, left: deliveries.countDeadLetters(name), reason: undefined };
  }
};

/** Starts the webhooks of a registry, and offers the stream of its events. */
export const createNotifications = (
  metadata: Pick<MetadataStore, 'journal' | 'deliveries'>,
  options: NotificationsOptions = {},
): Notifications => {
  const { journal, deliveries } = metadata;
  const { webhooks = [], address = hostname(), failed = () => undefined } = options;
  const source = { address, instance: deliveries.instance };
  const deps = { journal, deliveries, source, failed };
  const endpoints = createEndpoints(deps);
  const streams = new AbortController();
  let recorder: PullRecorder | undefined;

  const reload = async (wanted: readonly WebhookSettings[]): Promise<void> => {
    await endpoints.replaceBy(wanted);
    const wantsPulls = wanted.some(({ actions }) => actions.includes('pull'));
    if (wantsPulls) recorder ??= createPullRecorder(journal, failed);
    else {
      await recorder?.[Symbol.asyncDispose]();
      recorder = undefined;
    }
  };
  const started = reload(webhooks).catch(failed);

  return {
    reload: async (wanted) => {
      await started;
      await reload(wanted);
    },
    status: () => {
      const lastId = journal.lastId();
      return endpoints.all().map((endpoint) => {
        const deadLetters = deliveries.countDeadLetters(endpoint.settings.name);
        return statusOf(endpoint, { lastId, deadLetters });
      });
    },
    test: async (name) => {
      const started = performance.now();
      const { status } = await endpoints.named(name).sendNow([testEntry()], 1);
      return { status, ms: Math.round(performance.now() - started) };
    },
    deadLetters: ({ endpoint, ...page }) => deliveries.deadLetters(endpoint, page),
    replay: async (name, id) => replayLetters(endpoints.named(name), deps, id),
    pulled: (pull) => recorder?.record(pull),
    event: (entry) => eventOf(entry, source),
    stream: ({ signal, ...rest }) =>
      streamEntries(journal, { ...rest, signal: AbortSignal.any([signal, streams.signal]) }),
    endStreams: () => streams.abort(),
    [Symbol.asyncDispose]: async () => {
      await started;
      streams.abort();
      await recorder?.[Symbol.asyncDispose]();
      await endpoints.replaceBy([]);
    },
  };
};
