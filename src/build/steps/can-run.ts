import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Place } from '#dockerfile';
import { hostPlatform, parsePlatform } from '#oci';
import { stepsErrors } from './errors.ts';

/** Where the kernel shows who runs programs that it cannot. */
const BINFMT = '/proc/sys/fs/binfmt_misc';

interface Machine {
  /** Number in the head of an ELF file. */
  readonly machine: number;
  readonly bits: 32 | 64;
  readonly order: 'little' | 'big';
}

const little = (machine: number, bits: 32 | 64 = 64): Machine => ({ machine, bits, order: 'little' });
const big = (machine: number, bits: 32 | 64 = 64): Machine => ({ machine, bits, order: 'big' });

const MACHINES: Readonly<Record<string, Machine>> = {
  '386': little(3, 32),
  amd64: little(62),
  arm: little(40, 32),
  arm64: little(183),
  loong64: little(258),
  mips64: big(8),
  mips64le: little(8),
  ppc64: big(21),
  ppc64le: little(21),
  riscv64: little(243),
  s390x: big(22),
};

/** Architectures whose programs a kernel of another one runs by itself. */
const NATIVE: Readonly<Record<string, readonly string[]>> = { amd64: ['386'], arm64: ['arm'] };

const EXECUTABLE = 2;
const HEAD_BYTES = 20;

/** The beginning of a program for a machine, as the kernel compares it. */
const headOf = ({ machine, bits, order }: Machine): Buffer => {
  const head = Buffer.alloc(HEAD_BYTES);
  head.set([0x7f, 0x45, 0x4c, 0x46, bits === 64 ? 2 : 1, order === 'little' ? 1 : 2, 1]);
  const write = order === 'little' ? head.writeUInt16LE.bind(head) : head.writeUInt16BE.bind(head);
  write(EXECUTABLE, 16);
  write(machine, 18);
  return head;
};

const fieldOf = (text: string, name: string): string | undefined =>
  new RegExp(`^${name}:? (.*)$`, 'mu').exec(text)?.[1];

/** Whether a handler takes a program, by its magic and mask. */
const takes = (text: string, head: Buffer): boolean => {
  const hex = fieldOf(text, 'magic');
  if (!text.startsWith('enabled') || hex === undefined) return false;
  const magic = Buffer.from(hex, 'hex');
  const mask = Buffer.from(fieldOf(text, 'mask') ?? 'ff'.repeat(magic.length), 'hex');
  const offset = Number(fieldOf(text, 'offset') ?? 0);
  return magic.every((byte, index) => ((head[offset + index] ?? 0) & (mask[index] ?? 0xff)) === byte);
};

const handlersIn = (directory: string): readonly string[] => {
  try {
    const names = readdirSync(directory).filter((name) => name !== 'register' && name !== 'status');
    return names.map((name) => readFileSync(join(directory, name)).toString());
  } catch {
    return [];
  }
};

const isOff = (directory: string): boolean => {
  try {
    return readFileSync(join(directory, 'status')).toString().trim() === 'disabled';
  } catch {
    return true;
  }
};

/** Whether programs of a platform can be run here, and if not, why. */
export type Runnable = { readonly kind: 'yes' } | { readonly kind: 'no'; readonly reason: string };

const YES: Runnable = { kind: 'yes' };
const no = (reason: string): Runnable => ({ kind: 'no', reason });

/**
 * Whether this machine can run programs of `platform` (`os/architecture[/variant]`): by itself, or by an emulator that
 * binfmt_misc knows. Its flag must be F: a step has no other way to find the emulator in its own root.
 */
export const canRun = (platform: string, directory: string = BINFMT): Runnable => {
  const { os, architecture } = parsePlatform(platform);
  const host = hostPlatform().architecture;
  if (os !== 'linux') return no(`it runs programs for linux, not for ${os}`);
  if (architecture === host || NATIVE[host]?.includes(architecture) === true) return YES;
  const machine = MACHINES[architecture];
  if (machine === undefined) return no(`no emulator for ${architecture} is known`);
  const head = headOf(machine);
  const found = handlersIn(directory).filter((text) => takes(text, head));
  if (found.length === 0 || isOff(directory)) return no(`no emulator for ${architecture} is registered`);
  const fixed = found.some((text) => fieldOf(text, 'flags')?.includes('F') === true);
  return fixed ? YES : no(`the emulator for ${architecture} is registered without the flag F`);
};

/** Refuses a step for another kind of machine before it starts. @throws `STEPS_FOREIGN_PLATFORM` */
export const refuseForeign = (platform: string, place: Place): void => {
  const runnable = canRun(platform);
  if (runnable.kind === 'no')
    throw stepsErrors.foreignPlatform({ platform, reason: runnable.reason, ...place });
};
