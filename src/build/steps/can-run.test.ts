import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatPlatform, hostPlatform } from '#oci';
import { canRun } from './can-run.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lade-binfmt-'));
  writeFileSync(join(directory, 'status'), 'enabled\n');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** As the kernel shows what Debian registers for arm64 (or, with another number, for another machine). */
const register = (name: string, machine: string, flags = 'OCF', state = 'enabled'): void => {
  const text = [
    state,
    `interpreter /usr/libexec/qemu-binfmt/${name}`,
    `flags: ${flags}`,
    'offset 0',
    `magic 7f454c460201010000000000000000000200${machine}`,
    'mask ffffffffffffff00fffffffffffffffffeffffff',
  ];
  writeFileSync(join(directory, name), `${text.join('\n')}\n`);
};

const OTHER = hostPlatform().architecture === 'arm64' ? 'riscv64' : 'arm64';
const NUMBER = OTHER === 'arm64' ? 'b700' : 'f300';
const judge = (platform: string): string => {
  const judged = canRun(platform, directory);
  return judged.kind === 'yes' ? 'yes' : judged.reason;
};

describe('whether programs of a platform run here', () => {
  test('the machine’s own do, others by an emulator that is registered', () => {
    expect(judge(formatPlatform(hostPlatform()))).toBe('yes');
    expect(judge(`linux/${OTHER}`)).toBe(`no emulator for ${OTHER} is registered`);
    register('qemu', NUMBER);
    expect(judge(`linux/${OTHER}`)).toBe('yes');
    expect(judge('linux/s390x')).toBe('no emulator for s390x is registered');
    writeFileSync(join(directory, 'status'), 'disabled\n');
    expect(judge(`linux/${OTHER}`)).toBe(`no emulator for ${OTHER} is registered`);
  });

  test('an emulator that a step would not find, or that is off, is none', () => {
    register('qemu', NUMBER, 'OC');
    expect(judge(`linux/${OTHER}`)).toBe(`the emulator for ${OTHER} is registered without the flag F`);
    register('qemu', NUMBER, 'OCF', 'disabled');
    expect(judge(`linux/${OTHER}`)).toBe(`no emulator for ${OTHER} is registered`);
  });

  test('other systems never do', () => {
    expect(judge('windows/amd64')).toBe('it runs programs for linux, not for windows');
    expect(judge('linux/zarch9')).toBe('no emulator for zarch9 is known');
    rmSync(join(directory, 'status'));
    register('qemu', NUMBER);
    expect(judge(`linux/${OTHER}`)).toBe(`no emulator for ${OTHER} is registered`);
  });
});
