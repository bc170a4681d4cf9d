import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openMetadata, type JournalEntry, type MetadataStore, type NewEntry } from '#metadata';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pauseAfter } from './outcome.ts';
import { eventOf } from './event.ts';
import { createNotifications, notificationErrors, webhooksSettings, type Notifications } from './index.ts';
import { streamEntries } from './stream.ts';
import { startSink, type Sink } from './testing.ts';
import { createFilter } from './wanted.ts';

const run = promisify(execFile);
const DIGEST = `sha256:${'a'.repeat(64)}`;

let dir: string;
let stack: AsyncDisposableStack;
let metadata: MetadataStore & AsyncDisposable;
let sink: Sink;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lade-notifications-'));
  stack = new AsyncDisposableStack();
  stack.defer(() => rm(dir, { recursive: true, force: true }));
  metadata = stack.use(await openMetadata(join(dir, 'registry.db')));
  sink = stack.use(await startSink());
});
afterEach(() => stack.disposeAsync());

const push = (tag: string, more: Partial<NewEntry> = {}): NewEntry => ({
  action: 'push',
  outcome: 'done',
  repository: 'team/app',
  tag,
  digest: DIGEST,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  size: 3,
  cause: { actor: 'ann', address: '10.0.0.7', host: 'registry.example', method: 'PUT', requestId: 'r1' },
  ...more,
});

const start = (settings: object, into: AsyncDisposableStack = stack): Notifications => {
  const webhooks = webhooksSettings.parse([
    { name: 'sink', url: sink.url, allowPrivate: true, backoff: '1ms', maxBackoff: '5ms', ...settings },
  ]);
  const failed = (error: unknown): void => {
    throw error;
  };
  const notifications = createNotifications(metadata, { webhooks, address: 'here:5000', failed });
  return into.use(notifications);
};

const append = (...entries: readonly NewEntry[]): Promise<void> => metadata.journal.append(entries);
const tags = (from: number, to: number): readonly string[] =>
  Array.from({ length: to - from }, (_, index) => `v${from + index}`);
const pushesOf = (names: readonly string[]): readonly string[] => names.map((tag) => `push team/app:${tag}`);

describe('deliveries', () => {
  test('come in order, once each, from the moment on that the webhook is there', async () => {
    await append(push('before'));
    start({});
    await append(...tags(0, 30).map((tag) => push(tag)));
    await expect.poll(() => sink.accepted).toEqual(pushesOf(tags(0, 30)));
    await append(push('after'));
    await expect.poll(() => sink.accepted.at(-1)).toBe('push team/app:after');
    expect(new Set(sink.received.map(({ events }) => events[0]?.id)).size).toBe(31);
    expect(sink.received[0]?.headers).toMatchObject({
      'content-type': 'application/vnd.docker.distribution.events.v2+json',
      'x-lade-attempt': '1',
    });
  });

  test('go on where they were when the endpoint and the program come back', async () => {
    await using first = new AsyncDisposableStack();
    const notifications = start({}, first);
    await append(push('v0'));
    await expect.poll(() => sink.accepted).toEqual(pushesOf(['v0']));
    sink.status = 503;
    await append(push('v1'), push('v2'));
    await expect.poll(() => notifications.status()[0]?.attempts ?? 0).toBeGreaterThan(1);
    expect(notifications.status()[0]).toMatchObject({ lastError: 'the endpoint answered 503', behind: 2 });
    await first.disposeAsync();
    await append(push('v3'));
    sink.status = 200;
    start({});
    await expect.poll(() => sink.accepted).toEqual(pushesOf(tags(0, 4)));
    const ids = sink.received.filter(({ body }) => body.includes('"v1"')).map(({ events }) => events[0]?.id);
    expect(new Set(ids).size).toBe(1);
  });

  test('that fail too often become dead letters, which can be seen and replayed, and do not stop the rest', async () => {
    sink.status = 500;
    const notifications = start({ attempts: 3 });
    await append(push('v0'), push('v1'));
    await expect.poll(() => notifications.status()[0]).toMatchObject({ deadLetters: 2, behind: 0 });
    expect(sink.received).toHaveLength(6);
    expect(sink.received.map(({ headers }) => headers['x-lade-attempt'])).toEqual([
      '1',
      '2',
      '3',
      '1',
      '2',
      '3',
    ]);
    const letters = notifications.deadLetters({ after: 0, limit: 10 });
    expect(letters.map(({ entry, attempts, reason }) => [entry.tag, attempts, reason])).toEqual([
      ['v0', 3, 'the endpoint answered 500'],
      ['v1', 3, 'the endpoint answered 500'],
    ]);
    expect(await notifications.replay('sink', undefined)).toMatchObject({ delivered: 0, left: 2 });
    sink.status = 200;
    const [, second] = letters;
    expect(await notifications.replay('sink', second?.id)).toMatchObject({ delivered: 1, left: 1 });
    expect(await notifications.replay('sink', undefined)).toMatchObject({ delivered: 1, left: 0 });
    expect(sink.accepted).toEqual(pushesOf(['v1', 'v0']));
    await append(push('v2'));
    await expect.poll(() => sink.accepted).toHaveLength(3);
  });

  test('keep no more dead letters than they should', async () => {
    sink.status = 500;
    const notifications = start({ attempts: 1, keepDeadLetters: 2 });
    await append(...tags(0, 5).map((tag) => push(tag)));
    await expect.poll(() => notifications.status()[0]?.behind).toBe(0);
    expect(notifications.deadLetters({ after: 0, limit: 10 }).map(({ entry }) => entry.tag)).toEqual([
      'v3',
      'v4',
    ]);
  });

  test('to one endpoint do not wait for another', async () => {
    const webhooks = webhooksSettings.parse([
      { name: 'dead', url: 'http://127.0.0.1:1/', allowPrivate: true },
      { name: 'good', url: sink.url, allowPrivate: ['127.0.0.0/8'], batch: 10 },
    ]);
    const notifications = stack.use(createNotifications(metadata, { webhooks }));
    await append(...tags(0, 20).map((tag) => push(tag)));
    await expect.poll(() => sink.accepted).toEqual(pushesOf(tags(0, 20)));
    expect(sink.received.length).toBeLessThan(20);
    await expect
      .poll(() => notifications.status())
      .toMatchObject([
        { name: 'dead', delivered: 0 },
        { name: 'good', delivered: 20 },
      ]);
  });

  test('skip what nobody wants, and remember that they did', async () => {
    const notifications = start({ repositories: ['team/**'] });
    await append(...tags(0, 600).map((tag) => push(tag, { repository: 'other' })));
    await append(push('mine'));
    await expect.poll(() => sink.accepted).toEqual(pushesOf(['mine']));
    await expect.poll(() => notifications.status()[0]?.behind).toBe(0);
  });

  test('change with the settings while those that stay the same go on', async () => {
    const notifications = start({});
    const other = webhooksSettings.parse([
      { name: 'other', url: sink.url, allowPrivate: true, actions: ['delete'] },
    ]);
    await notifications.reload(other);
    await append(push('v0'), push('v1', { action: 'delete' }));
    await expect.poll(() => sink.accepted).toEqual(['delete team/app:v1']);
    await expect(notifications.test('sink')).rejects.toMatchObject({
      code: notificationErrors.endpointUnknown.code,
    });
    expect(await notifications.test('other')).toMatchObject({ status: 200 });
  });
});

describe('what must not be', () => {
  test('private addresses are refused unless they are allowed, and nothing is sent', async () => {
    const notifications = start({ allowPrivate: false });
    await expect(notifications.test('sink')).rejects.toThrow(/127\.0\.0\.1 is not a public address/);
    const names = webhooksSettings.parse([
      { name: 'a', url: sink.url.replace('127.0.0.1', 'localhost') },
      { name: 'b', url: sink.url.replace('127.0.0.1', '0x7f.1') },
      { name: 'c', url: sink.url.replace('127.0.0.1', '[::ffff:127.0.0.1]') },
      { name: 'd', url: 'http://169.254.169.254/latest' },
    ]);
    const others = stack.use(createNotifications(metadata, { webhooks: names }));
    for (const { name } of names) await expect(others.test(name)).rejects.toThrow(/not a public address/);
    expect(sink.received).toEqual([]);
  });

  test('redirects are not followed', async () => {
    const notifications = start({});
    const target = stack.use(await startSink());
    sink.status = 307;
    sink.location = target.url;
    await expect(notifications.test('sink')).rejects.toThrow(/answered 307/);
    expect(target.received).toEqual([]);
  });

  test('headers of the registry cannot be set, nor names that are none', () => {
    for (const name of ['Host', 'content-length', 'X-Lade-Signature', 'a b', 'a\r\nb'])
      expect(
        webhooksSettings.safeParse([{ name: 'a', url: sink.url, headers: { [name]: 'x' } }]).success,
      ).toBe(false);
  });
});

test('a body is signed with every secret, as openssl computes it', async () => {
  const notifications = start({ secrets: ['new one', 'old'], headers: { 'X-Team': 'a' } });
  await notifications.test('sink');
  const [received] = sink.received;
  if (received === undefined) throw new Error('nothing was received');
  const { headers, body } = received;
  const [time, ...signatures] = String(headers['x-lade-signature']).split(',');
  const seconds = time?.replace('t=', '') ?? '';
  expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(60);
  await writeFile(join(dir, 'signed'), `${seconds}.${body}`);
  for (const [index, key] of ['new one', 'old'].entries()) {
    const { stdout } = await run('openssl', ['dgst', '-sha256', '-hmac', key, join(dir, 'signed')]);
    expect(signatures[index]).toBe(`v1=${stdout.trim().split(' ').at(-1)}`);
  }
  expect(signatures).toHaveLength(2);
  expect(headers['x-team']).toBe('a');
});

test('pulls are told when a webhook wants them, and are in the journal only then', async () => {
  const pull = {
    repository: 'team/app',
    digest: DIGEST,
    size: 3,
    cause: { actor: 'anonymous', host: 'registry.example' },
  };
  const notifications = start({ actions: ['push'] });
  notifications.pulled(pull);
  await notifications.reload(
    webhooksSettings.parse([{ name: 'sink', url: sink.url, allowPrivate: true, actions: ['pull'] }]),
  );
  notifications.pulled(pull);
  await expect.poll(() => sink.accepted, { timeout: 5000 }).toEqual([`pull team/app:${DIGEST}`]);
  expect(metadata.journal.entries({ limit: 10 })).toHaveLength(1);
});

test.each([
  [{}, push('v1'), true],
  [{}, push('v1', { action: 'pull' }), false],
  [{}, push('v1', { outcome: 'refused' }), false],
  [{ actions: ['pull'] }, push('v1', { action: 'administer' }), false],
  [{ repositories: ['other/**'] }, push('v1'), false],
  [{ repositories: ['other/**', 'team/*'] }, push('v1'), true],
  [{ mediaTypes: ['application/vnd.oci.image.*'] }, push('v1'), true],
  [{ mediaTypes: ['application/vnd.docker.*'] }, push('v1'), false],
  [{ ignoreMediaTypes: ['application/octet-stream'] }, push('v1', { mediaType: undefined }), false],
  [{ mediaTypes: ['a.b'] }, push('v1', { mediaType: 'axb' }), false],
  [{ mediaTypes: ['x/*'] }, push('v1', { action: 'delete', mediaType: undefined }), true],
])('filter %j', (settings, entry, expected) => {
  const [webhook] = webhooksSettings.parse([{ name: 'a', url: 'http://a/', ...settings }]);
  if (webhook === undefined) throw new Error('no webhook');
  expect(createFilter(webhook)({ id: 1, atMs: 0, ...entry })).toBe(expected);
});

test('pauses double up to the longest, and differ', () => {
  const settings = { backoff: 1000, maxBackoff: 10_000 };
  for (const [attempts, full] of [
    [1, 1000],
    [2, 2000],
    [4, 8000],
    [5, 10_000],
    [500, 10_000],
  ] as const) {
    const pauses = Array.from({ length: 50 }, () => pauseAfter(attempts, settings));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(full / 2);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(full);
    expect(new Set(pauses).size).toBeGreaterThan(10);
  }
});

test('the id of an event is the same each time, another for each entry and registry', () => {
  const entry: JournalEntry = { id: 7, atMs: 0, ...push('v1') };
  const id = (of: JournalEntry, instance: string) => eventOf(of, { address: 'a', instance }).id;
  expect(id(entry, 'one')).toMatch(/^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  expect(id(entry, 'one')).toBe(id(entry, 'one'));
  expect(new Set([id(entry, 'one'), id({ ...entry, id: 8 }, 'one'), id(entry, 'two')]).size).toBe(3);
});

describe('the stream', () => {
  const read = async (notifications: Notifications, options: { after: number; count: number }) => {
    const stop = new AbortController();
    const seen: string[] = [];
    const items = notifications.stream({
      after: options.after,
      signal: stop.signal,
      wants: ({ repository }) => repository !== 'secret',
    });
    for await (const item of items) {
      if (item.kind === 'entry') seen.push(item.entry.tag ?? '');
      if (seen.length === options.count) stop.abort();
    }
    return seen;
  };

  test('tells what was, what comes, and nothing that is not to be seen; it goes on from any place', async () => {
    const notifications = start({});
    await append(
      push('v0'),
      push('v1', { repository: 'secret' }),
      push('v2', { outcome: 'refused' }),
      push('v3'),
    );
    const reading = read(notifications, { after: 0, count: 4 });
    const later = read(notifications, { after: 3, count: 3 });
    await append(push('v4'));
    await append(push('v5'));
    expect(await reading).toEqual(['v0', 'v3', 'v4', 'v5']);
    expect(await later).toEqual(['v3', 'v4', 'v5']);
  });

  test('ends when it should', async () => {
    const notifications = start({});
    const reading = read(notifications, { after: 0, count: 1 });
    notifications.endStreams();
    expect(await reading).toEqual([]);
  });
});

test('a stream over entries that nobody wants lets others have their turn', async () => {
  const last = 5_000;
  let read = 0;
  const journal = {
    entries: ({ after = 0, limit }: { readonly after?: number | undefined; readonly limit: number }) => {
      const count = Math.max(0, Math.min(limit, last - after));
      read = after + count;
      return Array.from({ length: count }, (_, index): JournalEntry => ({
        id: after + index + 1,
        atMs: 0,
        action: 'push',
        outcome: 'done',
        repository: 'hidden',
        cause: { actor: 'test' },
      }));
    },
    follow: () => ({ [Symbol.dispose]: () => undefined }),
  };
  let readAtTurn = -1;
  setImmediate(() => (readAtTurn = read));
  const { signal } = new AbortController();
  const items = streamEntries(journal, { after: 0, wants: () => false, signal, once: true });
  for await (const item of items) expect(item).toBe('never');
  expect(read).toBe(last);
  expect(readAtTurn).toBeGreaterThanOrEqual(0);
  expect(readAtTurn).toBeLessThan(last);
});
