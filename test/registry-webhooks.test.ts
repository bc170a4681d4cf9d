/** Webhooks of Lade's registry beside those of docker-registry, and after its death. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDockerRegistry } from './support/docker-registry.ts';
import { startRegistry, type RegistryService } from './support/lade.ts';
import { createScratch, type Scratch } from './support/scratch.ts';

interface Event {
  readonly id: string;
  readonly timestamp: string;
  readonly action: string;
  readonly target: Readonly<Record<string, unknown>>;
  readonly request: Readonly<Record<string, unknown>>;
  readonly actor: object;
  readonly source: Readonly<Record<string, unknown>>;
}

interface Sink extends AsyncDisposable {
  readonly url: string;
  readonly events: Event[];
}

const startSink = async (): Promise<Sink> => {
  const events: Event[] = [];
  const server = createServer((request, response) => {
    const take = async (): Promise<void> => {
      events.push(...(JSON.parse(await text(request)) as { events: Event[] }).events);
      response.end();
    };
    void take().catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`,
    events,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
};

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const digestOf = (content: string): string => `sha256:${createHash('sha256').update(content).digest('hex')}`;
const CONFIG = '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}';

const manifestWith = (layer: string, note = ''): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: digestOf(CONFIG),
      size: CONFIG.length,
    },
    layers: [
      {
        mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
        digest: digestOf(layer),
        size: layer.length,
      },
    ],
    ...(note === '' ? {} : { annotations: { note } }),
  });

/** A plain client of one registry. */
const clientOf = (address: string) => {
  const call = async (method: string, path: string, body?: string): Promise<Response> => {
    const url = path.startsWith('http') ? path : `http://${address}${path}`;
    const response = await fetch(url, {
      method,
      ...(body === undefined ? {} : { body }),
      headers: {
        accept: MANIFEST,
        'content-type': path.includes('/manifests/') ? MANIFEST : 'application/octet-stream',
        'user-agent': 'client/1',
      },
    });
    await response.arrayBuffer();
    return response;
  };
  const blob = async (repository: string, content: string): Promise<void> => {
    const begun = await call('POST', `/v2/${repository}/blobs/uploads/`);
    const place = new URL(begun.headers.get('location') ?? '', `http://${address}`);
    place.searchParams.set('digest', digestOf(content));
    expect((await call('PUT', place.href, content)).status).toBe(201);
  };
  return { call, blob };
};

/** Pushes, pulls, mounts and deletes, one of everything. */
const doEverything = async (address: string, settle: () => Promise<void>): Promise<void> => {
  const { call, blob } = clientOf(address);
  const manifest = manifestWith('layer');
  await blob('team/app', CONFIG);
  await blob('team/app', 'layer');
  await call('PUT', '/v2/team/app/manifests/v1', manifest);
  await call('GET', '/v2/team/app/manifests/v1');
  await call('GET', `/v2/team/app/manifests/${digestOf(manifest)}`);
  await call('GET', `/v2/team/app/blobs/${digestOf('layer')}`);
  await settle();
  await call('POST', `/v2/other/app/blobs/uploads/?mount=${digestOf('layer')}&from=team/app`);
  await call('DELETE', `/v2/team/app/manifests/${digestOf(manifest)}`);
  await call('DELETE', `/v2/other/app/blobs/${digestOf('layer')}`);
};

/** An event without what differs from run to run. */
const lasting = (
  { id, timestamp, action, target, request, actor, source }: Event,
  address: string,
): object => {
  expect(id).toMatch(/^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/);
  expect(Math.abs(Date.parse(timestamp) - Date.now())).toBeLessThan(600_000);
  expect(request).toEqual({
    id: expect.stringMatching(/./) as string,
    addr: expect.stringMatching(/^127\.0\.0\.1/) as string,
    host: address,
    method: expect.stringMatching(/./) as string,
    useragent: 'client/1',
  });
  expect(source).toEqual({
    addr: expect.stringContaining(hostname()) as string,
    instanceID: expect.stringMatching(/^[\da-f-]{36}$/) as string,
  });
  const url = typeof target['url'] === 'string' ? { url: target['url'].replace(address, 'HOST') } : {};
  return { action, target: { ...target, ...url }, method: request['method'], actor };
};

const hasPeer = existsSync('/usr/bin/docker-registry');

describe('webhooks', () => {
  let scratch: Scratch;
  let stack: AsyncDisposableStack;
  beforeAll(() => {
    scratch = createScratch();
    stack = new AsyncDisposableStack();
    stack.defer(() => scratch[Symbol.dispose]());
  });
  afterAll(() => stack.disposeAsync());

  const settingsFor = (name: string, sink: Sink): string => {
    const actions = ['push', 'pull', 'mount', 'delete'];
    const webhooks = [{ name: 'sink', url: sink.url, actions, allowPrivate: true, backoff: '100ms' }];
    // JSON is YAML.
    writeFileSync(scratch.join(name), JSON.stringify({ webhooks, accessLog: { to: 'off' } }));
    return scratch.join(name);
  };

  test.skipIf(!hasPeer)(
    `tell what docker-registry tells${hasPeer ? '' : ' (needs docker-registry)'}`,
    async () => {
      const [ours, theirs] = [stack.use(await startSink()), stack.use(await startSink())];
      const peer = stack.use(await startDockerRegistry(scratch, 'peer', { notify: theirs.url }));
      const lade = stack.use(
        await startRegistry(scratch.join('lade'), '--config', settingsFor('a.yaml', ours)),
      );
      const address = lade.address.replace('localhost', '127.0.0.1');
      await doEverything(peer.address, () => Promise.resolve());
      await expect.poll(() => theirs.events.length, { timeout: 20_000 }).toBe(10);
      // Pulls are written down in groups, so those behind one are waited for.
      await doEverything(address, () => expect.poll(() => ours.events.length, { timeout: 20_000 }).toBe(6));
      await expect.poll(() => ours.events.length, { timeout: 20_000 }).toBe(10);
      expect(ours.events.map((event) => lasting(event, address))).toEqual(
        theirs.events.map((event) => lasting(event, peer.address)),
      );
    },
  );

  test('reach their endpoint at least once and in order, however often the registry dies', async () => {
    const sink = stack.use(await startSink());
    const flags = ['--config', settingsFor('b.yaml', sink)];
    const root = scratch.join('killed');
    let registry: RegistryService = await startRegistry(root, ...flags);
    stack.defer(() => registry[Symbol.asyncDispose]());
    const acknowledged: string[] = [];
    const asked = new Set<string>();
    let next = 0;
    /** Pushes until the registry is gone. */
    const pushAll = async (): Promise<void> => {
      const { call } = clientOf(registry.address.replace('localhost', '127.0.0.1'));
      for (;;) {
        const tag = `v${next}`;
        next += 1;
        asked.add(tag);
        const answer = await call('PUT', `/v2/app/manifests/${tag}`, manifestWith('layer', tag)).catch(
          () => undefined,
        );
        if (answer === undefined) return;
        expect(answer.status).toBe(201);
        acknowledged.push(tag);
      }
    };
    const { blob } = clientOf(registry.address.replace('localhost', '127.0.0.1'));
    await blob('app', CONFIG);
    await blob('app', 'layer');
    for (let death = 0; death < 5; death += 1) {
      const pushing = pushAll();
      await sleep(150 + 150 * death);
      await registry.service.kill('SIGKILL');
      await pushing;
      registry = await startRegistry(root, ...flags);
    }
    const told = (): readonly string[] => [
      ...new Set(
        sink.events.flatMap(({ target }) => (typeof target['tag'] === 'string' ? [target['tag']] : [])),
      ),
    ];
    await expect
      .poll(() => acknowledged.filter((tag) => !told().includes(tag)), { timeout: 30_000 })
      .toEqual([]);
    expect(acknowledged.length).toBeGreaterThan(20);
    const order = told().map((tag) => Number(tag.slice(1)));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(told().filter((tag) => !asked.has(tag))).toEqual([]);
    const idsByTag = new Map<unknown, Set<string>>();
    for (const { id, target } of sink.events)
      idsByTag.set(
        target['tag'] ?? target['digest'],
        (idsByTag.get(target['tag'] ?? target['digest']) ?? new Set()).add(id),
      );
    expect([...idsByTag.values()].filter((ids) => ids.size > 1)).toEqual([]);
  });
});
