import { expect, test } from 'vitest';
import { buildDefaultsFrom, hasLocalProxy } from './build-defaults.ts';

test('build steps get the proxies of the environment and the CA bundle', () => {
  const env = {
    HTTPS_PROXY: 'http://proxy.example:3128',
    no_proxy: 'localhost',
    PATH: '/bin',
    http_proxy: '',
  };
  expect(buildDefaultsFrom('/ca.pem', env)).toEqual({
    hostCa: { path: '/ca.pem' },
    proxies: { HTTPS_PROXY: 'http://proxy.example:3128', no_proxy: 'localhost' },
  });
});

test('a proxy on loopback is told from one elsewhere', () => {
  expect(hasLocalProxy({ HTTP_PROXY: 'http://10.0.0.1:3128', NO_PROXY: 'localhost,127.0.0.1' })).toBe(false);
  for (const proxy of ['http://127.0.0.1:3128', 'localhost:3128', 'socks5://[::1]:1080'])
    expect(hasLocalProxy({ https_proxy: proxy }), proxy).toBe(true);
});
