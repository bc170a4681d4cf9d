import { describe, expect, test } from 'vitest';
import { answersQuery, encodeResponse, parseQuery, RCODE, TYPE } from './dns-message.ts';
import { answerLocally } from './dns-zone.ts';
import { hostsFile } from './hosts-file.ts';
import { parseNetworkMode } from './network-mode.ts';
import { needsResolver, parseResolvConf, resolvConf } from './resolv-conf.ts';
import type { ResolverState } from './resolver-protocol.ts';
import type { Endpoint } from './types.ts';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ask = (name: string, type: number = TYPE.A): Buffer =>
  Buffer.concat([
    Buffer.from('1234010000010000000000', 'hex'),
    Buffer.from([0]),
    ...name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0, 0, type, 0, 1]),
  ]);
const query = (name: string, type?: number) => parseQuery(ask(name, type)) ?? expect.unreachable(name);

describe('DNS messages', () => {
  test('give their question in lower case', () => {
    expect(query('DB.Example', TYPE.AAAA)).toMatchObject({ id: 0x1234, name: 'db.example', type: TYPE.AAAA });
  });

  test('that are damaged, answers or other kinds are not queries', () => {
    const whole = ask('db');
    for (let length = 0; length < whole.length; length += 1)
      expect(parseQuery(whole.subarray(0, length))).toBeUndefined();
    const answer = Buffer.from(whole);
    answer.writeUInt16BE(0x8100, 2);
    expect(parseQuery(answer)).toBeUndefined();
    const pointer = Buffer.concat([whole.subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]);
    expect(parseQuery(pointer)).toBeUndefined();
  });

  test('are answered', () => {
    const response = encodeResponse(query('db'), RCODE.OK, [{ kind: 'address', address: '10.1.2.3' }]);
    expect(response.subarray(2, 12).toString('hex')).toBe('81800001000100000000');
    expect(response.subarray(-16).toString('hex')).toBe('c00c000100010000025800040a010203');
    expect(answersQuery(response, query('DB'))).toBe(true);
    expect(answersQuery(response, query('dc'))).toBe(false);
    expect(answersQuery(ask('db'), query('db'))).toBe(false);
  });
});

describe('names of containers', () => {
  const state: ResolverState = {
    resolvConfPath: '',
    sandboxes: [],
    zones: [
      {
        id: 'one',
        name: 'Shop',
        names: [
          { address: '10.0.0.2', names: ['web', 'app'] },
          { address: '10.0.0.3', names: ['db', 'app'] },
        ],
      },
      { id: 'two', name: 'other', names: [{ address: '10.9.0.2', names: ['secret'] }] },
    ],
  };
  const addresses = (name: string, networks: readonly string[] = ['one']): readonly unknown[] | undefined =>
    answerLocally(state, networks, query(name))?.answers;

  test('lead to addresses on shared networks only', () => {
    expect(addresses('web')).toEqual([{ kind: 'address', address: '10.0.0.2' }]);
    expect(addresses('db.shop')).toEqual([{ kind: 'address', address: '10.0.0.3' }]);
    expect(addresses('secret')).toBeUndefined();
    expect(addresses('secret', ['one', 'two'])).toHaveLength(1);
    expect(addresses('example.com')).toBeUndefined();
  });

  test('that several share give every address', () => {
    const found = addresses('app') ?? [];
    expect([...found].map((answer) => (answer as { address: string }).address).sort()).toEqual([
      '10.0.0.2',
      '10.0.0.3',
    ]);
  });

  test('exist for IPv6 questions, without an address', () => {
    expect(answerLocally(state, ['one'], query('web', TYPE.AAAA))).toEqual({ rcode: RCODE.OK, answers: [] });
    expect(answerLocally(state, ['one'], query('web', 15))).toBeUndefined();
  });

  test('are found from addresses', () => {
    const ptr = (name: string) => answerLocally(state, ['one'], query(name, TYPE.PTR))?.answers;
    expect(ptr('3.0.0.10.in-addr.arpa')).toEqual([{ kind: 'name', name: 'db.Shop' }]);
    expect(ptr('2.0.9.10.in-addr.arpa')).toBeUndefined();
  });
});

const endpoint: Endpoint = {
  id: 'e',
  networkId: 'n',
  networkName: 'bridge',
  containerId: 'c',
  containerName: 'web',
  aliases: [],
  ip: '10.0.0.2',
  prefix: 24,
  gateway: '10.0.0.1',
  mac: '02:42:0a:00:00:02',
  device: 'eth0',
  ports: [],
};

describe('/etc/resolv.conf', () => {
  const withFile = <T>(text: string, use: (path: string) => T): T => {
    const directory = mkdtempSync(join(tmpdir(), 'lade-resolv-'));
    try {
      writeFileSync(join(directory, 'resolv.conf'), text);
      return use(join(directory, 'resolv.conf'));
    } finally {
      rmSync(directory, { recursive: true });
    }
  };
  const host =
    '# x\nsearch old\nsearch corp.example lab\nnameserver 10.0.0.53 \nnameserver fd00::53\noptions timeout:1';

  test('is read as resolv.conf(5) says', () => {
    expect(parseResolvConf(host)).toEqual({
      nameservers: ['10.0.0.53', 'fd00::53'],
      search: ['corp.example', 'lab'],
      options: ['timeout:1'],
    });
  });

  test('names the servers a container can reach', () => {
    withFile(host, (path) => {
      expect(resolvConf({ endpoints: [] }, { path, named: false })).toBe(
        'nameserver 10.0.0.53\nsearch corp.example lab\noptions timeout:1\n',
      );
      expect(resolvConf({ endpoints: [], hostNetwork: true }, { path, named: false })).toContain('fd00::53');
      expect(
        resolvConf(
          { endpoints: [], dns: ['9.9.9.9'], dnsSearch: ['.'], dnsOptions: ['ndots:2'] },
          { path, named: false },
        ),
      ).toBe('nameserver 9.9.9.9\noptions ndots:2\n');
      expect(resolvConf({ endpoints: [], dns: ['9.9.9.9'] }, { path, named: true })).toBe(
        'nameserver 127.0.0.11\nsearch corp.example lab\noptions timeout:1 ndots:0\n',
      );
    });
  });

  test('needs our resolver where this machine asks only itself', () => {
    withFile('nameserver 127.0.0.1\n', (path) => expect(needsResolver(path)).toBe(true));
    withFile(host, (path) => expect(needsResolver(path)).toBe(false));
    withFile('', (path) => expect(needsResolver(path)).toBe(false));
  });
});

describe('/etc/hosts', () => {
  test('has the loopback, what was asked for, and the container itself', () => {
    const lines = hostsFile(
      {
        hostname: 'web',
        domainname: 'example.com',
        endpoints: [endpoint],
        extraHosts: ['db:10.9.9.9', 'up:host-gateway', 'six:fd00::1', 'eq=10.1.1.1'],
      },
      '172.20.0.1',
    ).split('\n');
    expect(lines[0]).toBe('127.0.0.1\tlocalhost');
    expect(lines.slice(-6)).toEqual([
      '10.9.9.9\tdb',
      '10.0.0.1\tup',
      'fd00::1\tsix',
      '10.1.1.1\teq',
      '10.0.0.2\tweb.example.com web',
      '',
    ]);
  });

  test('of a container without a way out knows the gateway of the default network', () => {
    const text = hostsFile({ hostname: 'x', endpoints: [], extraHosts: ['up:host-gateway'] }, '172.20.0.1');
    expect(text).toContain('172.20.0.1\tup');
  });
});

test('network modes', () => {
  expect(parseNetworkMode('')).toEqual({ kind: 'network', network: 'bridge' });
  expect(parseNetworkMode('default')).toEqual({ kind: 'network', network: 'bridge' });
  expect(parseNetworkMode('host')).toEqual({ kind: 'host' });
  expect(parseNetworkMode('none')).toEqual({ kind: 'none' });
  expect(parseNetworkMode('container:web')).toEqual({ kind: 'container', container: 'web' });
  expect(parseNetworkMode('shop')).toEqual({ kind: 'network', network: 'shop' });
});
