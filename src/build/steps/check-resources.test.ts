import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checkResources, type StepResources } from './check-resources.ts';

const MB = 1024 * 1024;
const online = readFileSync('/sys/devices/system/cpu/online').toString().trim();

test.each<[string, StepResources]>([
  ['nothing', {}],
  ['zeros', { memoryBytes: 0, shmSizeBytes: 0, cpuShares: 0, cpuPeriodUs: 0, cpuQuotaUs: 0, cpusetCpus: '' }],
  ['the least', { memoryBytes: 6 * MB, memorySwapBytes: 6 * MB, cpuShares: 2, cpuPeriodUs: 1000 }],
  ['the most', { memorySwapBytes: -1, cpuShares: 262_144, cpuPeriodUs: 1_000_000, cpuQuotaUs: -1 }],
  ['processors that there are', { cpusetCpus: online, cpusetMems: '0' }],
  [
    'ulimits',
    {
      ulimits: [
        { name: 'nofile', soft: 1, hard: -1 },
        { name: 'core', soft: -1, hard: -1 },
      ],
    },
  ],
])('%s can be had', (_name, resources) => {
  expect(() => checkResources(resources)).not.toThrow();
});

test.each<[StepResources, string]>([
  [{ shmSizeBytes: -1 }, 'SHM size can not be less than 0'],
  [{ memoryBytes: -5 }, 'Minimum memory limit allowed is 6MB'],
  [{ memoryBytes: 6 * MB - 1 }, 'Minimum memory limit allowed is 6MB'],
  [{ memoryBytes: 6 * MB, memorySwapBytes: -2 }, 'invalid memory swap limit -2'],
  [
    { memorySwapBytes: 6 * MB },
    'You should always set the Memory limit when using Memoryswap limit, see usage',
  ],
  [
    { memoryBytes: 8 * MB, memorySwapBytes: 7 * MB },
    'Minimum memoryswap limit should be larger than memory limit, see usage',
  ],
  [{ cpuShares: -1 }, 'invalid CPU shares (-1): value must be a positive integer'],
  [{ cpuShares: 1 }, 'The minimum allowed cpu-shares is 2'],
  [{ cpuShares: 262_145 }, 'The maximum allowed cpu-shares is 262144'],
  [
    { cpuPeriodUs: 999 },
    'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)',
  ],
  [
    { cpuPeriodUs: -1 },
    'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)',
  ],
  [{ cpuQuotaUs: 5 }, 'CPU cfs quota can not be less than 1ms (i.e. 1000)'],
  [{ cpusetCpus: 'foo' }, 'Invalid value foo for cpuset cpus'],
  [{ cpusetCpus: '1-0' }, 'Invalid value 1-0 for cpuset cpus'],
  [{ cpusetMems: '0-999999999' }, 'Invalid value 0-999999999 for cpuset mems'],
  [{ cpusetCpus: '4000' }, `Requested CPUs are not available - requested 4000, available: ${online}`],
  [
    { ulimits: [{ name: 'nofile', soft: 5, hard: 1 }] },
    'ulimit soft limit must be less than or equal to hard limit: 5 > 1',
  ],
  [
    { ulimits: [{ name: 'nofile', soft: -1, hard: 1 }] },
    'ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: 1',
  ],
  [{ ulimits: [{ name: 'nofile', soft: -2, hard: 1 }] }, 'invalid ulimit nofile: -2'],
])('%j cannot', (resources, message) => {
  expect(() => checkResources(resources)).toThrow(message);
});
