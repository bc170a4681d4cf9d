import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { expectAcceptance } from './acceptance.ts';

/** Takes one connection for each line that it is sent. */
const TAKER = `
import socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()
print('ready', flush=True)
held = []
for line in sys.stdin: held.append(s.accept())`;

let directory: string;
let taker: ChildProcess;
let path: string;
const opened: { destroy(): void }[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'lade-accept-'));
  path = join(directory, 's');
  taker = spawn('python3', ['-c', TAKER, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  if (taker.stdout !== null) await once(taker.stdout, 'data');
});
afterEach(() => {
  for (const socket of opened.splice(0)) socket.destroy();
  taker.kill('SIGKILL');
  rmSync(directory, { recursive: true });
});

const open = async (): Promise<void> => {
  const socket = connect(path);
  opened.push(socket.on('error', () => undefined));
  await once(socket, 'connect');
};

const isPending = async (promise: Promise<unknown>): Promise<boolean> =>
  (await Promise.race([promise, delay(50, 'pending')])) === 'pending';

test('a connection that waits in the queue is not taken; the next one is told from it', async () => {
  const pid = taker.pid ?? 0;
  for (let round = 0; round < 2; round += 1) {
    const acceptance = expectAcceptance(pid);
    await open();
    const taken = acceptance.taken();
    expect(await isPending(taken)).toBe(true);
    taker.stdin?.write('take\n');
    expect(await taken).toBe(true);
  }
});

test('a process that ends, or stands still for too long, takes nothing', async () => {
  const pid = taker.pid ?? 0;
  const patient = expectAcceptance(pid);
  const impatient = expectAcceptance(pid, 20);
  await open();
  expect(await impatient.taken()).toBe(false);
  const taken = patient.taken();
  taker.kill('SIGKILL');
  expect(await taken).toBe(false);
});

test('a process that cannot be looked into counts as having taken it', async () => {
  expect(await expectAcceptance(2 ** 22 + 1).taken()).toBe(true);
});
