import { networkErrors } from './errors.ts';
import { blockSize, overlaps, parseCidr, type Cidr } from './ipv4.ts';
import type { AddressPool } from './types.ts';

/**
 * Ranges that companies and clouds rarely use, and not the ones dockerd takes first (172.17–172.19), so that a dockerd
 * that starts later finds its own.
 */
export const DEFAULT_POOLS: readonly AddressPool[] = [
  { base: '172.20.0.0/14', size: 20 },
  { base: '172.24.0.0/14', size: 20 },
  { base: '192.168.128.0/17', size: 24 },
];

function* blocksOf(pool: AddressPool): Generator<Cidr> {
  const base = parseCidr(pool.base);
  if (base === undefined || base.prefix > pool.size || pool.size > 30)
    throw networkErrors.ipamInvalid({
      field: 'address pool',
      value: `${pool.base} size ${pool.size}`,
      reason: 'it is no IPv4 block that can be cut into that size',
    });
  const count = blockSize(base.prefix) / blockSize(pool.size);
  for (let index = 0; index < count; index += 1)
    yield { base: base.base + index * blockSize(pool.size), prefix: pool.size };
}

/** The first block of the pools that overlaps none of `taken`. Errors: `unavailable` when there is none. */
export const chooseBlock = (pools: readonly AddressPool[], taken: readonly Cidr[]): Cidr => {
  for (const pool of pools)
    for (const block of blocksOf(pool)) if (!taken.some((other) => overlaps(block, other))) return block;
  throw networkErrors.poolsExhausted({});
};
