import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { createHttpClient, httpErrors, proxyFor } from './index.ts';

describe('proxyFor', () => {
  const env = {
    HTTP_PROXY: 'http://plain:1',
    HTTPS_PROXY: 'secure:2',
    NO_PROXY: 'a.example, .b.example,10.0.0.0/8 c.example:8443,[fd00::1],*.d.example',
  };
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['http://x.test/', 'plain:1'],
    ['https://x.test/', 'secure:2'],
    ['https://a.example/', undefined],
    ['https://sub.a.example/', undefined],
    ['https://nota.example/', 'secure:2'],
    ['https://x.b.example/', undefined],
    ['https://b.example/', 'secure:2'],
    ['https://x.d.example/', undefined],
    ['https://10.1.2.3/', undefined],
    ['https://11.1.2.3/', 'secure:2'],
    ['https://c.example/', 'secure:2'],
    ['https://c.example:8443/', undefined],
    ['https://[fd00::1]/', undefined],
    ['http://localhost:5000/', undefined],
    ['http://127.0.0.2:5000/', undefined],
    ['http://[::1]:5000/', undefined],
  ];
  test.each(cases)('%s → %s', (url, host) => {
    expect(proxyFor(new URL(url), env)?.host).toBe(host);
  });

  test('lower case, ALL_PROXY, a star and a useless value', () => {
    expect(proxyFor(new URL('https://x.test'), { all_proxy: 'http://p:9' })?.host).toBe('p:9');
    expect(proxyFor(new URL('https://x.test'), { https_proxy: 'http://p:9', no_proxy: '*' })).toBeUndefined();
    expect(() => proxyFor(new URL('https://x.test'), { https_proxy: 'socks5://p:9' })).toThrow(
      expect.objectContaining({ code: httpErrors.invalidProxy.code }),
    );
  });
});

describe('a client behind a proxy', () => {
  let proxy: Server | undefined;
  const saved = process.env.HTTP_PROXY;
  afterEach(() => {
    proxy?.closeAllConnections();
    proxy?.close();
    if (saved === undefined) delete process.env.HTTP_PROXY;
    else process.env.HTTP_PROXY = saved;
  });

  test('sends plain requests in absolute form, with the credentials of the proxy', async () => {
    proxy = createServer((request, response) => {
      response.end(`${request.url} ${request.headers['proxy-authorization']}`);
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    process.env.HTTP_PROXY = `http://u:p@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    await using client = createHttpClient();
    const answer = await client.request({ url: 'http://registry.test/v2/' });
    expect(await text(answer.body)).toBe(
      `http://registry.test/v2/ Basic ${Buffer.from('u:p').toString('base64')}`,
    );
  });

  test('names the target when nothing answers', async () => {
    await using client = createHttpClient({ proxy: 'none' });
    await expect(client.request({ url: 'http://127.0.0.1:9/' })).rejects.toMatchObject({
      code: httpErrors.unreachable.code,
      message: expect.stringContaining('127.0.0.1:9'),
    });
    await expect(client.request({ url: 'http://no-such-host.invalid/' })).rejects.toMatchObject({
      kind: 'unavailable',
    });
  });
});
