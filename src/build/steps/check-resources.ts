import { readFileSync } from 'node:fs';
import { stepsErrors } from './errors.ts';
import type { ResourceLimits } from './types.ts';

const MIN_MEMORY_BYTES = 6 << 20;
/** Of the kernel. */
const SHARES = { least: 2, most: 262_144 };
const PERIOD_US = { least: 1000, most: 1_000_000 };
/** More than any kernel numbers. */
const MAX_NUMBER = 8192;

const refuse = (problem: string): Error => stepsErrors.badLimit({ problem });

/** What the request says of one step's processor, memory and limits. */
export interface StepResources extends ResourceLimits {
  readonly shmSizeBytes?: number | undefined;
}

const checkMemory = ({ memoryBytes = 0, memorySwapBytes = 0, shmSizeBytes = 0 }: StepResources): void => {
  if (shmSizeBytes < 0) throw refuse('SHM size can not be less than 0');
  if (memoryBytes !== 0 && memoryBytes < MIN_MEMORY_BYTES)
    throw refuse('Minimum memory limit allowed is 6MB');
  if (memorySwapBytes < -1) throw refuse(`invalid memory swap limit ${memorySwapBytes}`);
  if (memorySwapBytes > 0 && memoryBytes === 0)
    throw refuse('You should always set the Memory limit when using Memoryswap limit, see usage');
  if (memorySwapBytes > 0 && memorySwapBytes < memoryBytes)
    throw refuse('Minimum memoryswap limit should be larger than memory limit, see usage');
};

const checkShares = ({ cpuShares = 0, cpuPeriodUs = 0, cpuQuotaUs = 0 }: StepResources): void => {
  if (cpuShares < 0) throw refuse(`invalid CPU shares (${cpuShares}): value must be a positive integer`);
  if (cpuShares !== 0 && cpuShares < SHARES.least)
    throw refuse(`The minimum allowed cpu-shares is ${SHARES.least}`);
  if (cpuShares > SHARES.most) throw refuse(`The maximum allowed cpu-shares is ${SHARES.most}`);
  if (cpuPeriodUs !== 0 && (cpuPeriodUs < PERIOD_US.least || cpuPeriodUs > PERIOD_US.most))
    throw refuse('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
  if (cpuQuotaUs > 0 && cpuQuotaUs < PERIOD_US.least)
    throw refuse('CPU cfs quota can not be less than 1ms (i.e. 1000)');
};

/** The numbers of a list such as `0-2,4`; undefined where it is none. */
const numbersOf = (list: string): ReadonlySet<number> | undefined => {
  const numbers = new Set<number>();
  for (const part of list.split(',')) {
    const [, first, last = first] = /^\s*(\d{1,9})(?:-(\d{1,9}))?\s*$/u.exec(part) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (first === undefined || from > to || to > MAX_NUMBER) return undefined;
    for (let number = from; number <= to; number += 1) numbers.add(number);
  }
  return numbers;
};

/** What this machine has, as the kernel lists it; undefined where it does not say. */
const onlineOf = (kind: 'cpu' | 'node'): string | undefined => {
  try {
    return readFileSync(`/sys/devices/system/${kind}/online`).toString().trim();
  } catch {
    return undefined;
  }
};

const SETS = [
  { name: 'cpuset cpus', what: 'CPUs', kind: 'cpu', of: ({ cpusetCpus }: StepResources) => cpusetCpus },
  {
    name: 'cpuset mems',
    what: 'memory nodes',
    kind: 'node',
    of: ({ cpusetMems }: StepResources) => cpusetMems,
  },
] as const;

const checkSets = (resources: StepResources): void => {
  for (const { name, what, kind, of } of SETS) {
    const wanted = of(resources);
    if (wanted === undefined || wanted === '') continue;
    const numbers = numbersOf(wanted);
    if (numbers === undefined) throw refuse(`Invalid value ${wanted} for ${name}`);
    const online = onlineOf(kind);
    const available = online === undefined ? undefined : numbersOf(online);
    if (available !== undefined && !numbers.isSubsetOf(available))
      throw refuse(`Requested ${what} are not available - requested ${wanted}, available: ${online}`);
  }
};

const checkUlimits = ({ ulimits = [] }: StepResources): void => {
  for (const { name, soft, hard } of ulimits) {
    if (soft < -1 || hard < -1) throw refuse(`invalid ulimit ${name}: ${Math.min(soft, hard)}`);
    if (hard === -1 || (soft !== -1 && soft <= hard)) continue;
    const shown = soft === -1 ? `soft: -1 (unlimited), hard: ${hard}` : `${soft} > ${hard}`;
    throw refuse(`ulimit soft limit must be less than or equal to hard limit: ${shown}`);
  }
};

/**
 * Refuses limits that no step could be started with, in the words of Docker.
 *
 * @throws STEPS_BAD_LIMIT
 */
export const checkResources = (resources: StepResources): void => {
  checkMemory(resources);
  checkShares(resources);
  checkSets(resources);
  checkUlimits(resources);
};
