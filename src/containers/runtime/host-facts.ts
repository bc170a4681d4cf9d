import { existsSync, readFileSync } from 'node:fs';
import { arch, release } from 'node:os';
import { gunzipSync } from 'node:zlib';
import { capabilitiesOfMask } from './capabilities.ts';
import type { HostFacts } from './types.ts';

const OCI_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };

/** Lines of /proc/self/limits, by Docker's name. */
const LIMIT_TITLES: Readonly<Record<string, string>> = {
  core: 'Max core file size',
  cpu: 'Max cpu time',
  data: 'Max data size',
  fsize: 'Max file size',
  locks: 'Max file locks',
  memlock: 'Max locked memory',
  msgqueue: 'Max msgqueue size',
  nice: 'Max nice priority',
  nofile: 'Max open files',
  nproc: 'Max processes',
  rss: 'Max resident set',
  rtprio: 'Max realtime priority',
  rttime: 'Max realtime timeout',
  sigpending: 'Max pending signals',
  stack: 'Max stack size',
};

const hardLimitOf = (limits: string, title: string): number | undefined => {
  const line = limits.split('\n').find((candidate) => candidate.startsWith(title));
  const hard = line?.slice(title.length).trim().split(/\s+/)[1];
  return hard === undefined || hard === 'unlimited' ? undefined : Number(hard);
};

/** Hard limits as /proc/self/limits states them, by Docker's name. */
export const parseLimits = (limits: string): HostFacts['hardLimits'] =>
  Object.fromEntries(Object.entries(LIMIT_TITLES).map(([name, title]) => [name, hardLimitOf(limits, title)]));

const kernelConfig = (): string | undefined => {
  const installed = `/boot/config-${release()}`;
  if (existsSync('/proc/config.gz')) return gunzipSync(readFileSync('/proc/config.gz')).toString('latin1');
  return existsSync(installed) ? readFileSync(installed, 'latin1') : undefined;
};

/** A kernel that does not say how it was built may have x32. */
const hasX32 = (): boolean => arch() === 'x64' && (kernelConfig()?.includes('CONFIG_X86_X32_ABI=y') ?? true);

/** Reads what `toRuntimeSpec` must know of this machine and process. */
export const readHostFacts = (): HostFacts => {
  const [major = 0, minor = 0] = release()
    .split('.')
    .map((part) => Number.parseInt(part, 10));
  const status = readFileSync('/proc/self/status', 'utf8');
  const unified = existsSync('/sys/fs/cgroup/cgroup.controllers');
  return {
    architecture: OCI_ARCHITECTURES[arch()] ?? arch(),
    kernel: { major, minor },
    x32: hasX32(),
    cgroup: unified ? 'v2' : 'v1',
    swapLimit: unified || existsSync('/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes'),
    capabilities: capabilitiesOfMask(/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'),
    hardLimits: parseLimits(readFileSync('/proc/self/limits', 'utf8')),
  };
};
