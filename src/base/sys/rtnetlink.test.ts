import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createNetns, deleteLink, errnoOf, inNetns, isNetns, openRtnetlink, removeNetns } from './index.ts';
import { encodeAddress, decodeAddress } from './rtnetlink-address.ts';
import {
  attribute,
  decodeAcknowledgement,
  decodeAttributes,
  decodeMessages,
  encodeMessage,
  find,
  text,
} from './rtnetlink-message.ts';

const isRoot = process.getuid?.() === 0;
const ownNamespace = (): string => readlinkSync('/proc/thread-self/ns/net');

describe('netlink messages', () => {
  test('are aligned and come back', () => {
    const payload = Buffer.concat([attribute(3, text('abcd')), attribute(4, Buffer.from([1]))]);
    const encoded = encodeMessage({ type: 16, flags: 5, sequence: 7, payload });
    expect(encoded.length % 4).toBe(0);
    const [first, second, ...rest] = decodeMessages(Buffer.concat([encoded, encoded]));
    expect(rest).toEqual([]);
    expect(second).toEqual(first);
    expect(first).toMatchObject({ type: 16, flags: 5, sequence: 7 });
    const attributes = decodeAttributes(first?.payload ?? Buffer.alloc(0));
    expect(find(attributes, 3)).toEqual(Buffer.from('abcd\0'));
    expect(find(attributes, 4)).toEqual(Buffer.from([1]));
  });

  test('that were cut off are left out', () => {
    const encoded = encodeMessage({ type: 16, flags: 5, sequence: 7, payload: Buffer.alloc(8) });
    expect(decodeMessages(encoded.subarray(0, 20))).toEqual([]);
    expect(decodeAttributes(Buffer.from([9, 0, 1, 0, 1]))).toEqual([]);
  });

  test('carry the words of an extended acknowledgement', () => {
    const head = Buffer.alloc(20);
    head.writeInt32LE(-22, 0);
    const payload = Buffer.concat([head, attribute(1, text('no such thing'))]);
    const answer = { type: 2, flags: 0x300, sequence: 1, payload };
    expect(decodeAcknowledgement(answer)).toEqual({ error: 22, text: 'no such thing' });
    expect(decodeAcknowledgement({ ...answer, flags: 0 })).toEqual({ error: 22, text: undefined });
  });

  test('hold addresses', () => {
    const payload = encodeAddress({ index: 3, address: '10.1.2.3', prefix: 20 });
    expect(decodeAddress({ type: 20, flags: 0, sequence: 0, payload })).toEqual({
      index: 3,
      address: '10.1.2.3',
      prefix: 20,
    });
  });
});

describe.skipIf(!isRoot)('the kernel (needs root)', () => {
  let directory: string;
  const at = (name: string): string => join(directory, name);
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'lade-netns-'));
    createNetns(at('host'));
  });
  afterEach(() => {
    for (const name of ['host', 'container']) removeNetns(at(name));
    rmSync(directory, { recursive: true });
  });

  test('makes a namespace and leaves the thread where it was', () => {
    const home = ownNamespace();
    let inside = '';
    createNetns(at('container'), () => void (inside = ownNamespace()));
    expect(ownNamespace()).toBe(home);
    expect(inside).not.toBe(home);
    expect(inNetns(at('container'), ownNamespace)).toBe(inside);
    expect(isNetns(at('container'))).toBe(true);
    removeNetns(at('container'));
    removeNetns(at('container'));
    expect(isNetns(at('container'))).toBe(false);
  });

  test('comes back when the work inside fails', () => {
    const home = ownNamespace();
    const fail = (): never => {
      throw new Error('inside');
    };
    expect(() => inNetns(at('host'), fail)).toThrow('inside');
    expect(() => createNetns(at('container'), fail)).toThrow('inside');
    expect(ownNamespace()).toBe(home);
    expect(isNetns(at('container'))).toBe(false);
    expect(() => createNetns(at('host'))).toThrow(/EEXIST/);
    expect(isNetns(at('host'))).toBe(true);
  });

  test('connects two namespaces over a bridge, as ip and ping see it', async () => {
    createNetns(at('container'));
    using host = inNetns(at('host'), openRtnetlink);
    host.linkAdd({ kind: 'bridge', name: 'br0', mtu: 1400 });
    const bridge = host.linkByName('br0')?.index ?? 0;
    host.linkSet(bridge, { up: true, alias: 'lade:/x' });
    host.addrAdd({ index: bridge, address: '10.9.0.1', prefix: 24, broadcast: '10.9.0.255' });
    const netnsFd = openSync(at('container'), 'r');
    const peer = { name: 'eth0', netnsFd, mac: '02:42:0a:09:00:02' };
    host.linkAdd({ kind: 'veth', name: 'v0', master: bridge, mtu: 1400, peer });
    closeSync(netnsFd);
    const port = host.linkByName('v0')?.index ?? 0;
    host.linkSetHairpin(port);
    host.linkSet(port, { up: true });
    inNetns(at('container'), () => {
      using inside = openRtnetlink();
      const index = inside.linkByName('eth0')?.index ?? 0;
      inside.addrAdd({ index, address: '10.9.0.2', prefix: 24 });
      inside.linkSet(index, { up: true });
      inside.routeAdd({ index, destination: undefined, gateway: '10.9.0.1' });
      expect(inside.routeList()).toContainEqual({ index, destination: undefined, gateway: '10.9.0.1' });
    });
    const ip = (...args: readonly string[]): unknown =>
      JSON.parse(
        execFileSync('nsenter', [`--net=${at('host')}`, 'ip', '-j', '-d', ...args], { encoding: 'utf8' }),
      );
    expect(ip('link', 'show', 'v0')).toMatchObject([
      { master: 'br0', mtu: 1400, linkinfo: { info_slave_data: { hairpin: true, state: 'forwarding' } } },
    ]);
    expect(ip('link', 'show', 'br0')).toMatchObject([{ ifalias: 'lade:/x', mtu: 1400 }]);
    expect(host.linkByName('br0')).toMatchObject({ kind: 'bridge', alias: 'lade:/x', up: true, mtu: 1400 });
    execFileSync('nsenter', [`--net=${at('container')}`, 'busybox', 'ping', '-c1', '-W2', '10.9.0.1']);
    const indexes = host.linkList().map((link) => link.index);
    expect(indexes).toContain(port);
    const gone = inNetns(at('host'), () => deleteLink(port));
    await gone;
    expect(host.linkByName('v0')).toBeUndefined();
  });

  test("tells the kernel's own words", () => {
    using host = inNetns(at('host'), openRtnetlink);
    host.linkAdd({ kind: 'bridge', name: 'br0' });
    const bridge = host.linkByName('br0')?.index ?? 0;
    expect(() => host.linkAdd({ kind: 'bridge', name: 'br0' })).toThrow(/link add br0: EEXIST/);
    expect(() => host.linkSet(bridge, { mtu: 4 })).toThrow(/EINVAL \(.*mtu/);
    expect(() => host.linkSet(9999, { up: true })).toThrow(/ENODEV/);
    try {
      host.routeAdd({ index: bridge, destination: undefined, gateway: '1.2.3.4' });
      expect.unreachable();
    } catch (error) {
      expect(errnoOf(error)).toMatch(/ENET|EINVAL/);
    }
  });
});
