import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { LookupAddress } from 'node:dns';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createHttpClient, createOutboundGuard, isAllowance } from './index.ts';
import { isPublicAddress } from './public-address.ts';

describe('public addresses', () => {
  test.each([
    ['8.8.8.8', true],
    ['127.0.0.1', false],
    ['127.9.9.9', false],
    ['0.0.0.0', false],
    ['10.1.2.3', false],
    ['172.16.0.1', false],
    ['172.32.0.1', true],
    ['192.168.1.1', false],
    ['169.254.169.254', false],
    ['100.64.0.1', false],
    ['224.0.0.1', false],
    ['255.255.255.255', false],
    ['2606:4700::1', true],
    ['::1', false],
    ['::', false],
    ['fe80::1', false],
    ['fd00::1', false],
    ['ff02::1', false],
    ['::ffff:127.0.0.1', false],
    ['::ffff:7f00:1', false],
    ['::ffff:a9fe:a9fe', false],
    ['::ffff:8.8.8.8', true],
    ['64:ff9b::10.0.0.1', false],
    ['64:ff9b::808:808', true],
    ['::127.0.0.1', false],
    ['2002:7f00:1::', false],
    ['2001:db8::1', false],
    ['fe80::1%eth0', false],
    ['localhost', false],
  ])('%s: %s', (address, expected) => expect(isPublicAddress(address)).toBe(expected));
});

const REFUSED = { code: 'HTTP_TARGET_REFUSED' };

let server: Server;
let port: number;
let requests: number;
beforeEach(async () => {
  requests = 0;
  server = createServer((_request, response) => {
    requests += 1;
    response.end('ok');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** Answers what the list says, one entry for each time it is asked. */
const resolver = (answers: readonly (readonly string[])[]) => {
  let asked = 0;
  const resolve = (
    _host: string,
    _options: unknown,
    callback: (error: null, found: LookupAddress[]) => void,
  ): void => {
    const found = answers[Math.min(asked, answers.length - 1)] ?? [];
    asked += 1;
    callback(
      null,
      found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
  return resolve as unknown as NonNullable<Parameters<typeof createOutboundGuard>[0]>['resolve'];
};

describe('a guarded client', () => {
  test.each(['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1', '0', 'localhost'])(
    'does not reach %s',
    async (host) => {
      await using client = createHttpClient({ guard: createOutboundGuard(), proxy: 'none' });
      const sent = client.request({ url: `http://${host}:${port}/` });
      await expect(sent).rejects.toMatchObject(REFUSED);
      await expect(client.upgrade({ url: `http://${host}:${port}/` })).rejects.toMatchObject(REFUSED);
      expect(requests).toBe(0);
    },
  );

  test.each(['127.0.0.0/8', '127.0.0.1', 'HOST:PORT', 'host', 'Host.'])(
    'reaches what %s allows',
    async (entry) => {
      const allow = [
        entry
          .replace('HOST', 'some.host')
          .replace('PORT', String(port))
          .replace(/^host$|^Host\.$/, 'Some.Host.'),
      ];
      const guard = createOutboundGuard({ allow, resolve: resolver([['127.0.0.1']]) });
      await using client = createHttpClient({ guard, proxy: 'none' });
      const { status, body } = await client.request({ url: `http://some.host:${port}/` });
      body.resume();
      expect(status).toBe(200);
    },
  );

  test('does not take another port of an allowed host', async () => {
    await using client = createHttpClient({
      guard: createOutboundGuard({
        allow: ['127.0.0.1:1', 'some.host:1'],
        resolve: resolver([['127.0.0.1']]),
      }),
      proxy: 'none',
    });
    for (const host of ['127.0.0.1', 'some.host'])
      await expect(client.request({ url: `http://${host}:${port}/` })).rejects.toMatchObject(REFUSED);
  });

  test('checks the address of the connection itself, not one that a name had before', async () => {
    const resolve = resolver([['93.184.216.34'], ['127.0.0.1']]);
    const guard = createOutboundGuard({ resolve });
    await guard.checkResolved({ host: 'rebinding.example', port });
    await using client = createHttpClient({ guard, proxy: 'none' });
    await expect(client.request({ url: `http://rebinding.example:${port}/` })).rejects.toMatchObject(REFUSED);
    expect(requests).toBe(0);
  });

  test('leaves out the private one of several addresses', async () => {
    const guard = createOutboundGuard({ resolve: resolver([['10.0.0.1', '93.184.216.34']]) });
    const found = await new Promise((done) =>
      guard.lookup({ host: 'x.example', port })('x.example', { all: true }, (_error, addresses) =>
        done(addresses),
      ),
    );
    expect(found).toEqual([{ address: '93.184.216.34', family: 4 }]);
  });

  test('asks no proxy for what is private', async () => {
    await using client = createHttpClient({
      guard: createOutboundGuard({ resolve: resolver([['10.0.0.1']]) }),
      proxy: { http: `http://127.0.0.1:${port}`, https: `http://127.0.0.1:${port}` },
    });
    for (const url of ['http://inner.example/', 'https://inner.example/', 'http://169.254.169.254/'])
      await expect(client.request({ url })).rejects.toMatchObject(REFUSED);
    expect(requests).toBe(0);
  });
});

test('what can be allowed', () => {
  expect(
    ['10.0.0.0/8', '::1', 'fd00::/8', 'a.b', 'a.b:5000', '[::1]:5000', 'localhost'].every(isAllowance),
  ).toBe(true);
  expect(['10.0.0.0/33', 'http://a', 'a b', '*', '', 'a/8'].some(isAllowance)).toBe(false);
  expect(() => createOutboundGuard({ allow: ['http://x'] })).toThrow('neither an address');
});
