import type { RuntimeSeccomp, SeccompRule } from './spec-types.ts';
import type { HostFacts, SeccompCondition, SeccompProfile, SeccompProfileRule } from './types.ts';

const SECCOMP_ARCHITECTURES: Readonly<Record<string, string>> = {
  amd64: 'SCMP_ARCH_X86_64',
  arm64: 'SCMP_ARCH_AARCH64',
  mips64: 'SCMP_ARCH_MIPS64',
  mips64le: 'SCMP_ARCH_MIPSEL64',
  riscv64: 'SCMP_ARCH_RISCV64',
  s390x: 'SCMP_ARCH_S390X',
  loong64: 'SCMP_ARCH_LOONGARCH64',
};

/** What the conditions of a profile are judged by. */
export interface SeccompSubject {
  readonly capabilities: readonly string[];
  readonly host: Pick<HostFacts, 'architecture' | 'kernel' | 'x32'>;
}

const kernelIsAtLeast = (kernel: HostFacts['kernel'], wanted: string): boolean => {
  const [major = 0, minor = 0] = wanted.split('.').map(Number);
  return kernel.major > major || (kernel.major === major && kernel.minor >= minor);
};

const isIncluded = (condition: SeccompCondition, subject: SeccompSubject): boolean =>
  (condition.arches === undefined || condition.arches.includes(subject.host.architecture)) &&
  (condition.caps ?? []).every((name) => subject.capabilities.includes(name)) &&
  (condition.minKernel === undefined || kernelIsAtLeast(subject.host.kernel, condition.minKernel));

const isExcluded = (condition: SeccompCondition, subject: SeccompSubject): boolean =>
  (condition.arches ?? []).includes(subject.host.architecture) ||
  (condition.caps ?? []).some((name) => subject.capabilities.includes(name)) ||
  (condition.minKernel !== undefined && kernelIsAtLeast(subject.host.kernel, condition.minKernel));

const toRule = (rule: SeccompProfileRule): SeccompRule => ({
  names: rule.names,
  action: rule.action,
  ...(rule.errnoRet === undefined ? {} : { errnoRet: rule.errnoRet }),
  ...(rule.args === undefined || rule.args.length === 0 ? {} : { args: rule.args }),
});

/**
 * The machine's own architecture and those it can also run. Each one more costs 5 ms of every start, so one that the
 * kernel lacks is left out: its system calls do not exist.
 */
const architecturesOf = (profile: SeccompProfile, host: SeccompSubject['host']): readonly string[] => {
  const own = SECCOMP_ARCHITECTURES[host.architecture];
  const row = profile.archMap?.find(({ architecture }) => architecture === own);
  const all =
    row === undefined ? (profile.architectures ?? []) : [row.architecture, ...(row.subArchitectures ?? [])];
  return all.filter((name) => name !== 'SCMP_ARCH_X32' || host.x32);
};

/** A Docker seccomp profile as the OCI section for one container's capabilities on one machine. */
export const compileSeccomp = (profile: SeccompProfile, subject: SeccompSubject): RuntimeSeccomp => ({
  defaultAction: profile.defaultAction,
  ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
  architectures: architecturesOf(profile, subject.host),
  ...(profile.flags === undefined ? {} : { flags: profile.flags }),
  syscalls: profile.syscalls
    .filter((rule) => isIncluded(rule.includes ?? {}, subject) && !isExcluded(rule.excludes ?? {}, subject))
    .map(toRule),
});
