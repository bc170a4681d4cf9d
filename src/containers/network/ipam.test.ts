import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseBlock, DEFAULT_POOLS } from './address-pools.ts';
import { allocateAddress, ipamOf, parseSubnet, planAddresses, planOf } from './ipam.ts';
import {
  blockOf,
  contains,
  formatCidr,
  formatIpv4,
  lastAddress,
  overlaps,
  parseCidr,
  parseIpv4,
} from './ipv4.ts';
import { isLadeError } from '#errors';
import { freeDevice, macOf } from './device-names.ts';

const cidr = (text: string) => parseCidr(text) ?? expect.unreachable(text);
const kindOf = (run: () => unknown): string => {
  try {
    run();
    return 'nothing';
  } catch (error) {
    return isLadeError(error) ? error.kind : String(error);
  }
};

describe('IPv4 blocks', () => {
  test('are read and written', () => {
    expect(formatCidr(cidr('10.1.2.3/16'))).toBe('10.1.0.0/16');
    expect(formatCidr(cidr('0.0.0.0/0'))).toBe('0.0.0.0/0');
    expect(formatIpv4(lastAddress(cidr('255.255.255.0/24')))).toBe('255.255.255.255');
    for (const text of [
      '10.1.2/16',
      '10.1.2.256/8',
      '10.0.0.0',
      '10.0.0.0/33',
      '10.0.0.0/',
      '1.2.3.4/8/8',
      'x',
    ])
      expect(parseCidr(text)).toBeUndefined();
  });

  test('come back from text, and overlap exactly when an end of one lies in the other', () => {
    const block = fc
      .tuple(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 0, max: 32 }))
      .map(([address, prefix]) => blockOf(address, prefix));
    fc.assert(
      fc.property(block, (a) => {
        expect(parseCidr(formatCidr(a))).toEqual(a);
      }),
    );
    fc.assert(
      fc.property(block, block, (a, b) => {
        const ends = [a.base, lastAddress(a)].some((end) => contains(b, end));
        expect(overlaps(a, b)).toBe(ends || contains(a, b.base));
        expect(overlaps(b, a)).toBe(overlaps(a, b));
      }),
    );
  });
});

describe('address pools', () => {
  test('give the first block that nothing uses', () => {
    const taken = [cidr('172.20.0.0/20'), cidr('172.20.20.7/32'), cidr('10.0.0.0/8')];
    expect(formatCidr(chooseBlock(DEFAULT_POOLS, taken))).toBe('172.20.32.0/20');
    expect(formatCidr(chooseBlock(DEFAULT_POOLS, [cidr('172.16.0.0/12')]))).toBe('192.168.128.0/24');
  });

  test('run out with a sentence', () => {
    const pools = [{ base: '10.0.0.0/29', size: 30 }];
    expect(formatCidr(chooseBlock(pools, [cidr('10.0.0.0/30')]))).toBe('10.0.0.4/30');
    expect(kindOf(() => chooseBlock(pools, [cidr('10.0.0.0/8')]))).toBe('unavailable');
    expect(kindOf(() => chooseBlock([{ base: '10.0.0.0/24', size: 16 }], []))).toBe('invalid-argument');
  });
});

describe('addresses of a network', () => {
  const plan = planAddresses(parseSubnet('10.1.0.0/24'), {
    gateway: '10.1.0.3',
    ipRange: '10.1.0.0/29',
    auxiliaryAddresses: { printer: '10.1.0.1' },
  });
  const allocate = (taken: readonly string[], wanted?: string): string =>
    formatIpv4(
      allocateAddress({ network: 'n', plan, taken: new Set(taken.map((ip) => parseIpv4(ip) ?? 0)), wanted }),
    );

  test('are the lowest free ones of the range', () => {
    expect(allocate([])).toBe('10.1.0.2');
    expect(allocate(['10.1.0.2'])).toBe('10.1.0.4');
    expect(allocate(['10.1.0.4'])).toBe('10.1.0.2');
    const all = ['10.1.0.2', '10.1.0.4', '10.1.0.5', '10.1.0.6', '10.1.0.7'];
    expect(kindOf(() => allocate(all))).toBe('unavailable');
  });

  test('may be wanted anywhere in the subnet but where something is', () => {
    expect(allocate([], '10.1.0.200')).toBe('10.1.0.200');
    for (const wanted of ['10.1.0.0', '10.1.0.255', '10.1.0.3', '10.1.0.1', '10.1.0.9'])
      expect(kindOf(() => allocate(['10.1.0.9'], wanted))).toBe('conflict');
    expect(kindOf(() => allocate([], '10.2.0.1'))).toBe('invalid-argument');
  });

  test('come back from the record', () => {
    expect(planOf(ipamOf(plan))).toEqual(plan);
    expect(ipamOf(planAddresses(parseSubnet('10.1.7.9/16')))).toEqual({
      subnet: '10.1.0.0/16',
      gateway: '10.1.0.1',
    });
  });

  test('refuse what cannot be', () => {
    expect(kindOf(() => parseSubnet('10.0.0.0/31'))).toBe('invalid-argument');
    expect(kindOf(() => parseSubnet('fd00::/64'))).toBe('unsupported');
    expect(kindOf(() => planAddresses(parseSubnet('10.1.0.0/24'), { gateway: '10.2.0.1' }))).toBe(
      'invalid-argument',
    );
    expect(kindOf(() => planAddresses(parseSubnet('10.1.0.0/24'), { ipRange: '10.0.0.0/8' }))).toBe(
      'invalid-argument',
    );
  });
});

test('MAC addresses and devices follow from what is there', () => {
  expect(macOf(parseIpv4('172.17.0.2') ?? 0)).toBe('02:42:ac:11:00:02');
  expect(freeDevice([])).toBe('eth0');
  expect(freeDevice(['eth0', 'eth2'])).toBe('eth1');
});
