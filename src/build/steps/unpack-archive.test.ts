import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { sourcesErrors } from '#sources';
import { isArchive } from './unpack-archive.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lade-unpack-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

type Pack = (archive: Buffer) => Buffer;

const by =
  (program: string): Pack =>
  (archive) =>
    execFileSync(program, ['-c'], { input: archive, maxBuffer: 1 << 26 });

/** An archive far longer than what is read to recognise it. */
const archive = (pack: Pack): string => {
  writeFileSync(join(directory, 'content'), crypto.getRandomValues(new Uint8Array(60_000)));
  const sources = Array.from({ length: 40 }, () => 'content');
  const plain = execFileSync('tar', ['-c', '-C', directory, ...sources], { maxBuffer: 1 << 26 });
  const path = join(directory, 'archive');
  writeFileSync(path, pack(plain));
  return path;
};

const openFiles = (): readonly string[] =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith(directory) ? [target] : [];
    } catch {
      return [];
    }
  });

const takesAndLetsGo = async (path: string): Promise<void> => {
  expect(await isArchive(path)).toBe(true);
  await expect.poll(openFiles, { timeout: 20_000 }).toEqual([]);
};

test.each<[string, Pack]>([
  ['nothing', (plain) => plain],
  ['gzip', (plain) => gzipSync(plain)],
  ['zstd', (plain) => zstdCompressSync(plain)],
])('recognises an archive packed by %s, and lets go of it', (_, pack) => takesAndLetsGo(archive(pack)));

for (const program of ['xz', 'bzip2']) {
  const missing = spawnSync(program, ['--version']).status !== 0;
  test(`recognises an archive packed by ${program}, and lets go of it`, async ({ skip }) => {
    skip(missing, `${program} is not installed`);
    await takesAndLetsGo(archive(by(program)));
  });
}

test('compressed text is no archive', async () => {
  const path = join(directory, 'text');
  writeFileSync(path, gzipSync('plain text '.repeat(1000)));
  expect(await isArchive(path)).toBe(false);
  await expect.poll(openFiles, { timeout: 20_000 }).toEqual([]);
});

test('an unpacker that is not installed is named, and the archive is not taken for a file', async () => {
  const path = join(directory, 'packed');
  writeFileSync(path, Buffer.from('fd377a585a0000', 'hex'));
  vi.stubEnv('PATH', directory);
  await expect(isArchive(path)).rejects.toMatchObject({ code: sourcesErrors.unpackerMissing.code });
});
