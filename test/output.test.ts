/** Every byte that a command writes reaches who asked for it, in order and before the exit code. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LADE, busyboxArchive, startMachine, type Machine } from './support/lade.ts';
import type { Finished, RunOptions } from './support/process.ts';
import { createScratch } from './support/scratch.ts';

const scratch = createScratch();
let machine: Machine;

beforeAll(async () => {
  machine = await startMachine(scratch);
  await machine.docker('import', await busyboxArchive(scratch), 'bb');
});

afterAll(async () => {
  await machine?.[Symbol.asyncDispose]();
  scratch[Symbol.dispose]();
});

const CLIENTS = [
  ['lade', LADE],
  ['docker', 'docker'],
] as const;

const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  LADE_HOST: `unix://${machine.socket}`,
  DOCKER_HOST: `unix://${machine.socket}`,
  DOCKER_BUILDKIT: '0',
  DOCKER_CONFIG: scratch.join('docker-config'),
});

interface Reading {
  /** Nothing is read for this long. */
  readonly afterS: number;
  readonly from: 'stdout' | 'stderr';
}

/** Runs a client whose reader, a process of its own, comes late; what it read, and the exit code. */
const readLate = async (
  client: string,
  args: readonly string[],
  { afterS, from }: Reading,
): Promise<{ readonly text: string; readonly code: number | null }> => {
  const child = spawn(client, args, { env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const [late, other] = from === 'stdout' ? [child.stdout, child.stderr] : [child.stderr, child.stdout];
  other.resume();
  const reader = spawn('sh', ['-c', `sleep ${afterS}; exec cat`], { stdio: [late, 'pipe', 'inherit'] });
  late.destroy();
  let text = '';
  for await (const piece of reader.stdout as AsyncIterable<Buffer>) text += piece.toString('latin1');
  return { text, code: (await exited)[0] };
};

const numbers = (count: number): string =>
  Array.from({ length: count }, (_, index) => `${index + 1}\n`).join('');

describe.each(CLIENTS)('%s', (_, client) => {
  const attempt = (args: readonly string[], options: RunOptions = {}): Promise<Finished> =>
    client === LADE ? machine.tryLade(args, options) : machine.tryDocker(args, options);

  test('input that the command does not read cuts none of its output', async () => {
    const input = Buffer.alloc(1024 * 1024, 'input\n');
    const script = 'echo out; echo err >&2; exit 3';
    for (let round = 0; round < 8; round += 1)
      expect(await attempt(['run', '--rm', '-i', 'bb', 'sh', '-c', script], { input })).toEqual({
        code: 3,
        stdout: 'out\n',
        stderr: 'err\n',
      });
  });

  test('a reader that comes seconds after the end gets everything', async () => {
    // What the kernel, the client and the daemon hold differs: with one of these sizes the daemon holds the end.
    const counts = [25_000, 35_000, 45_000, 55_000, 65_000, 75_000];
    const reading = { afterS: 4, from: 'stdout' } as const;
    const results = await Promise.all(
      counts.map((count) =>
        readLate(client, ['run', '--rm', 'bb', 'sh', '-c', `seq 1 ${count}; exit 4`], reading),
      ),
    );
    expect(results.map(({ code }) => code)).toEqual(counts.map(() => 4));
    for (const [index, count] of counts.entries())
      expect(results[index]?.text === numbers(count), `${count} numbers`).toBe(true);
  });

  test('a short exec, a started container and a followed log give all and their exit code', async () => {
    const script = 'echo out; echo err >&2; exit 3';
    const whole = { code: 3, stdout: 'out\n', stderr: 'err\n' };
    const { stdout: host } = await machine.docker('run', '-d', 'bb', 'sleep', '1000');
    const { stdout: made } = await machine.docker('create', 'bb', 'sh', '-c', script);
    for (let round = 0; round < 4; round += 1) {
      expect(await attempt(['exec', host.trim(), 'sh', '-c', script])).toEqual(whole);
      expect(await attempt(['start', '-a', made.trim()])).toEqual(whole);
    }
    const talk = 'echo a; sleep 0.3; echo b >&2; seq 1 1000';
    const { stdout: talker } = await machine.docker('run', '-d', 'bb', 'sh', '-c', talk);
    expect(await attempt(['logs', '-f', talker.trim()])).toEqual({
      code: 0,
      stdout: `a\n${numbers(1000)}`,
      stderr: 'b\n',
    });
    await machine.docker('rm', '-f', host.trim(), made.trim(), talker.trim());
  });
});

describe('a build', () => {
  test.each([
    ['lade', LADE, ['--progress', 'plain'], 'stderr'],
    ['docker', 'docker', [], 'stdout'],
  ] as const)('of %s tells its last step to a late reader', async (name, client, flags, from) => {
    const context = scratch.join(`context-${name}`);
    mkdirSync(context);
    writeFileSync(`${context}/Dockerfile`, 'FROM bb\nRUN echo first && seq 1 150000\n');
    const reading = { afterS: 4, from };
    const { text, code } = await readLate(client, ['build', '--no-cache', ...flags, context], reading);
    expect(code).toBe(0);
    const lines = text.split('\n').map((line) => line.replace(/^#\d+ [\d.]+ /, ''));
    expect(lines.filter((line) => /^\d+$/.test(line)).join('\n')).toBe(numbers(150_000).trimEnd());
    expect(text.trimEnd().split('\n').at(-1)).toMatch(/^(built sha256:|Successfully built)/);
  });
});

test('output that cannot be written is an error that is told', async () => {
  const full = openSync('/dev/full', 'w');
  const child = spawn(LADE, ['run', '--rm', 'bb', 'echo', 'out'], {
    env: environment(),
    stdio: ['ignore', full, 'pipe'],
  });
  let told = '';
  child.stderr?.on('data', (piece: Buffer) => (told += piece.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code).toBe(1);
  expect(told).toContain('no space left on device');
});
