import { runtimeErrors } from './errors.ts';

/** Every capability by number, see capabilities(7). */
export const CAPABILITIES: readonly string[] = `
  CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
  NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT
  SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL
  SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`
  .trim()
  .split(/\s+/)
  .map((name) => `CAP_${name}`);

/** What a container has unless it asks otherwise: Docker's list. */
export const DEFAULT_CAPABILITIES: readonly string[] = `
  CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT
  KILL AUDIT_WRITE`
  .trim()
  .split(/\s+/)
  .map((name) => `CAP_${name}`);

export interface CapabilityChoice {
  readonly add?: readonly string[] | undefined;
  readonly drop?: readonly string[] | undefined;
  readonly privileged?: boolean | undefined;
}

const ALL = 'CAP_ALL';

const normalized = (name: string): string => {
  const upper = name.toUpperCase();
  const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (full !== ALL && !CAPABILITIES.includes(full)) throw runtimeErrors.unknownCapability({ name });
  return full;
};

/**
 * The capabilities of a container, in the kernel's order.
 *
 * As in Docker: `ALL` in one list makes the other list its exceptions, and an added one wins over a dropped one.
 * What `available` lacks is left out, since no runtime can give it.
 */
export const chooseCapabilities = (
  choice: CapabilityChoice,
  available: readonly string[],
): readonly string[] => {
  const add = new Set((choice.add ?? []).map(normalized));
  const drop = new Set((choice.drop ?? []).map(normalized));
  const wanted = (name: string): boolean => {
    if (choice.privileged === true) return true;
    if (add.has(ALL)) return !drop.has(name);
    if (add.has(name)) return true;
    if (drop.has(ALL) || drop.has(name)) return false;
    return DEFAULT_CAPABILITIES.includes(name);
  };
  return CAPABILITIES.filter((name) => available.includes(name) && wanted(name));
};

/** The names in a hexadecimal mask such as `CapBnd` of /proc/self/status. */
export const capabilitiesOfMask = (hex: string): readonly string[] => {
  const mask = BigInt(`0x${hex.trim()}`);
  return CAPABILITIES.filter((_, bit) => ((mask >> BigInt(bit)) & 1n) === 1n);
};
