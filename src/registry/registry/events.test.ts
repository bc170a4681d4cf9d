import { request as httpRequest, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { AccessControl, Caller } from '#access';
import { accessErrors } from '#access';
import { webhooksSettings } from '#notifications';
import { startSink } from '../notifications/testing.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startWireRegistry, type WireRegistry } from './testing.ts';

/**
 * `root` may do everything, `ann` what begins with team/, `token` is one of hers for team/app alone, and who shows nothing
 * is nobody.
 */
const access: AccessControl = {
  authenticate: async ({ authorization }) => {
    const name = /^Name (\w+)$/.exec(authorization ?? '')?.[1] ?? 'anonymous';
    if (name === 'mallory') throw accessErrors.unauthorized({});
    const caller: Caller = {
      name,
      kind: name === 'anonymous' ? 'anonymous' : 'user',
      loggedIn: name !== 'anonymous',
      may: (_action, repository) =>
        name === 'root' ||
        (name === 'ann' && repository.startsWith('team/')) ||
        (name === 'token' && repository === 'team/app'),
      ...(name === 'token' ? { sees: (repository: string) => repository.startsWith('team/') } : {}),
      administrator: name === 'root',
    };
    return caller;
  },
  challenge: () => 'Name',
  [Symbol.asyncDispose]: async () => undefined,
};

let registry: WireRegistry;
let open: IncomingMessage[];
beforeEach(async () => {
  registry = await startWireRegistry({ access });
  open = [];
});
afterEach(async () => {
  for (const answer of open) answer.destroy();
  await registry[Symbol.asyncDispose]();
});

const as = (name: string, more: Record<string, string> = {}) => ({
  headers: { authorization: `Name ${name}`, ...more },
});

const pushBlob = async (repository: string, content: string): Promise<void> => {
  const begun = await registry.call('POST', `/v2/${repository}/blobs/uploads/`, as('root'));
  const { createHash } = await import('node:crypto');
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
  const place = `${begun.headers.location}?digest=${digest}`;
  expect((await registry.call('PUT', place, { ...as('root'), body: content })).status).toBe(201);
};

/** Opens a stream; reads lines of it as they come. */
const follow = async (path: string, name: string, more: Record<string, string> = {}) => {
  const request = httpRequest(`${registry.url}/lade/v1/registry${path}`, as(name, more)).end();
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  open.push(answer);
  const lines = createInterface({ input: answer })[Symbol.asyncIterator]();
  return {
    answer,
    line: async (): Promise<string | undefined> => (await lines.next()).value,
  };
};

interface Told {
  readonly cursor: number;
  readonly action: string;
  readonly target: { readonly repository: string };
  readonly actor: { readonly name: string };
}
const told = (line: string | undefined): Told => JSON.parse(line ?? 'null') as Told;

describe('the stream of events', () => {
  test('tells what comes, as lines, of what the caller may pull', async () => {
    const { answer, line } = await follow('/events', 'ann');
    expect(answer.headers['content-type']).toBe('application/x-ndjson');
    await pushBlob('secret/app', 'a');
    await pushBlob('team/app', 'b');
    expect(told(await line())).toMatchObject({
      action: 'push',
      target: { repository: 'team/app', mediaType: 'application/octet-stream', size: 1 },
      actor: { name: 'root' },
      request: { method: 'PUT' },
    });
  });

  test('tells a token of one repository nothing of the others that its owner sees', async () => {
    await pushBlob('team/other', 'a');
    await pushBlob('team/app', 'b');
    const all = await registry.call('GET', '/lade/v1/registry/events?since=0&follow=false', as('token'));
    const seen = all.text.split('\n').filter(Boolean);
    expect(seen.map((text) => told(text).target.repository)).toEqual(['team/app']);
  });

  test('goes on after any event, and ends where it should', async () => {
    for (const content of ['a', 'b', 'c']) await pushBlob('team/app', content);
    const all = await registry.call('GET', '/lade/v1/registry/events?since=0&follow=false', as('ann'));
    const cursors = all.text
      .split('\n')
      .filter(Boolean)
      .map((text) => told(text).cursor);
    expect(cursors).toHaveLength(3);
    const rest = await registry.call(
      'GET',
      `/lade/v1/registry/events?since=${cursors[0]}&follow=false`,
      as('ann'),
    );
    expect(rest.text.split('\n').filter(Boolean)).toHaveLength(2);
  });

  test('is server-sent events for who asks for them', async () => {
    await pushBlob('team/app', 'a');
    await pushBlob('team/app', 'b');
    const accept = { accept: 'text/event-stream', 'last-event-id': '1' };
    const { answer, line } = await follow('/events', 'ann', accept);
    expect(answer.headers['content-type']).toBe('text/event-stream');
    expect([await line(), await line()]).toEqual(['id: 2', 'event: push']);
    expect(told((await line())?.replace('data: ', '')).cursor).toBe(2);
    expect(await line()).toBe('');
  });

  test('is for nobody without a name, and takes no nonsense', async () => {
    expect((await registry.call('GET', '/lade/v1/registry/events')).status).toBe(401);
    expect((await registry.call('GET', '/lade/v1/registry/events', as('mallory'))).status).toBe(401);
    for (const since of ['-1', 'x', '1e3', '9'.repeat(30)])
      expect((await registry.call('GET', `/lade/v1/registry/events?since=${since}`, as('ann'))).status).toBe(
        400,
      );
  });

  test('ends when the registry is about to stop', async () => {
    const { line } = await follow('/events', 'ann');
    const next = line();
    registry.registry.notifications.endStreams();
    expect(await next).toBeUndefined();
  });
});

describe('webhooks by the administration', () => {
  test('are listed, tested and replayed by administrators only', async () => {
    await using sink = await startSink();
    const settings = { name: 'sink', url: `${sink.url}?key=hunter2`, allowPrivate: true, attempts: 1 };
    await registry.registry.notifications.reload(webhooksSettings.parse([settings]));
    const call = (method: string, path: string, name = 'root') =>
      registry.call(method, `/lade/v1/registry/webhooks${path}`, as(name));
    sink.status = 500;
    await pushBlob('team/app', 'a');
    await expect
      .poll(async () => (await call('GET', '')).json)
      .toMatchObject({
        webhooks: [{ name: 'sink', url: sink.url, deadLetters: 1, lastError: 'the endpoint answered 500' }],
      });
    expect((await call('GET', '')).text).not.toContain('hunter2');
    expect((await call('POST', '/sink/test')).status).toBe(503);
    sink.status = 200;
    expect((await call('POST', '/sink/test')).json).toMatchObject({ status: 200 });
    expect((await call('GET', '/deliveries?webhook=sink')).json).toMatchObject({
      deadLetters: [{ endpoint: 'sink', attempts: 1, entry: { repository: 'team/app' } }],
    });
    expect((await call('POST', '/sink/replay')).json).toEqual({ delivered: 1, left: 0 });
    expect((await call('POST', '/none/test')).status).toBe(404);
    const audit = await registry.call('GET', '/lade/v1/registry/audit?limit=2', as('root'));
    expect(audit.json).toMatchObject({
      entries: [
        { reason: 'webhook sink: 1 dead letters replayed', cause: { actor: 'root' } },
        { action: 'administer' },
      ],
    });
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/deliveries'],
      ['POST', '/sink/test'],
      ['POST', '/sink/replay'],
    ] as const)
      expect((await call(method, path, 'ann')).status).toBe(403);
  });
});
