import { describe, expect, test } from 'vitest';
import { parseCommandLine } from './command-line.ts';
import { parseListenAddress } from './listen-address.ts';

describe('arguments', () => {
  test('have defaults, come from the environment, are overridden', () => {
    expect(parseCommandLine([], {})).toMatchObject({
      hosts: ['unix:///run/lade/lade.sock'],
      root: '/var/lib/lade',
      logLevel: 'info',
      hostCa: undefined,
    });
    const env = { LADE_ROOT: '/r', SSL_CERT_FILE: '/ca.pem' };
    expect(parseCommandLine(['-H', 'unix:///a', '--host=tcp://127.0.0.1:0'], env)).toMatchObject({
      hosts: ['unix:///a', 'tcp://127.0.0.1:0'],
      root: '/r',
      hostCa: '/ca.pem',
    });
    expect(parseCommandLine(['--root', '/x', '--host-ca', '/y'], env)).toMatchObject({
      root: '/x',
      hostCa: '/y',
    });
  });

  test('nonsense is named', () => {
    expect(() => parseCommandLine(['--hots', 'x'], {})).toThrow(/--hots/);
    expect(() => parseCommandLine(['--log-level', 'loud'], {})).toThrow(/loud/);
    expect(() => parseCommandLine(['extra'], {})).toThrow(/extra/);
  });
});

describe('addresses to listen on', () => {
  test('loopback only; anything else is refused', () => {
    expect(parseListenAddress('tcp://127.0.0.1:2375')).toEqual({
      kind: 'tcp',
      host: '127.0.0.1',
      port: 2375,
    });
    expect(parseListenAddress('tcp://[::1]:1')).toEqual({ kind: 'tcp', host: '::1', port: 1 });
    expect(() => parseListenAddress('tcp://0.0.0.0:2375')).toThrow(/be root/);
    for (const host of ['tcp://127.0.0.1', 'tcp://127.0.0.1:99999', 'http://x:1', 'unix://relative', ''])
      expect(() => parseListenAddress(host), host).toThrow(/invalid address/);
  });
});
