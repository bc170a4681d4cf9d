/** RUN for another architecture: by an emulator that this test registers for its time (qemu-user-static), or refused. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startMachine, type Machine } from './support/lade.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
const stack = new AsyncDisposableStack();
let machine: Machine;

const FOREIGN = process.arch === 'arm64' ? undefined : 'linux/arm64';
const QEMU = '/usr/bin/qemu-aarch64-static';
const BINFMT = '/proc/sys/fs/binfmt_misc';
const NAME = `lade-test-${process.pid}`;
const MAGIC = String.raw`\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`;
const MASK = String.raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`;

/** A static program for arm64 that writes a line and ends. */
const programFor = (text: string): Buffer => {
  const code = [
    0xd2800020,
    0x100000e1,
    (0xd2800002 | (text.length << 5)) >>> 0,
    0xd2800808,
    0xd4000001,
    0xd2800000,
    0xd2800ba8,
    0xd4000001,
  ];
  const [base, start] = [0x400000n, 120];
  const file = Buffer.alloc(start + code.length * 4 + text.length);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(183, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(base + BigInt(start), 24);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, 64);
  file.writeUInt32LE(5, 68);
  file.writeBigUInt64LE(base, 80);
  file.writeBigUInt64LE(base, 88);
  file.writeBigUInt64LE(BigInt(file.length), 96);
  file.writeBigUInt64LE(BigInt(file.length), 104);
  file.writeBigUInt64LE(0x1000n, 112);
  for (const [index, word] of code.entries()) file.writeUInt32LE(word, start + index * 4);
  file.write(text, start + code.length * 4);
  return file;
};

/** Others of this machine may have registered an emulator for good. */
const isRegistered = (): boolean =>
  existsSync(BINFMT) &&
  readdirSync(BINFMT)
    .filter((name) => !['register', 'status', NAME].includes(name))
    .some((name) => readFileSync(`${BINFMT}/${name}`).toString().includes('0200b700'));

const missing = [
  ...(FOREIGN === undefined ? ['a machine that is not arm64'] : []),
  ...(existsSync(QEMU) ? [] : ['qemu-user-static']),
  ...(existsSync(`${BINFMT}/register`) ? [] : ['binfmt_misc']),
  ...(isRegistered() ? ['a machine without an emulator for arm64'] : []),
];

beforeAll(async () => {
  if (missing.length > 0) return;
  machine = stack.use(await startMachine(scratch));
  mkdirSync(scratch.join('context'));
  writeFileSync(scratch.join('context', 'hello'), programFor('hello from arm64\n'), { mode: 0o755 });
  const lines = ['FROM scratch', 'COPY hello /', 'RUN ["/hello"]', ''];
  writeFileSync(scratch.join('context', 'Dockerfile'), lines.join('\n'));
});

afterAll(async () => {
  if (existsSync(`${BINFMT}/${NAME}`)) writeFileSync(`${BINFMT}/${NAME}`, '-1');
  await stack.disposeAsync();
  scratch[Symbol.dispose]();
});

const build = () =>
  machine.tryLade([
    'build',
    '--progress=plain',
    '--no-cache',
    '--platform',
    'linux/arm64',
    scratch.join('context'),
  ]);

describe.skipIf(missing.length > 0)(`RUN for arm64 (needs ${missing.join(', ') || 'nothing more'})`, () => {
  test('without an emulator is refused before it starts, with what to do', async () => {
    const { code, stderr } = await build();
    expect(code).toBe(1);
    expect(stderr).toContain('RUN for linux/arm64 cannot be carried out on this machine: no emulator');
    expect(stderr).toContain('qemu-user-static');
    expect(stderr).toContain('>>> RUN ["/hello"]');
  });

  test('runs by an emulator that the kernel knows, and not by one that a step would not find', async () => {
    writeFileSync(`${BINFMT}/register`, `:${NAME}:M::${MAGIC}:${MASK}:${QEMU}:`);
    expect((await build()).stderr).toContain('is registered without the flag F');
    writeFileSync(`${BINFMT}/${NAME}`, '-1');
    writeFileSync(`${BINFMT}/register`, `:${NAME}:M::${MAGIC}:${MASK}:${QEMU}:F`);
    const { code, stderr } = await build();
    expect(stderr).toContain('hello from arm64');
    expect(code).toBe(0);
    writeFileSync(`${BINFMT}/${NAME}`, '-1');
  });
});
