import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openPipe, reapProcess, socketPair, spawnProcess, sysErrors } from './index.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lade-spawn-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const shell = (script: string, pass: readonly number[] = []): number =>
  spawnProcess({
    path: '/bin/sh',
    args: ['-c', script],
    env: { PATH: '/usr/bin:/bin', GIVEN: 'yes', ABSENT: undefined },
    cwd: root,
    pass,
  });

test('runs a program with its own environment and directory and tells its exit code', async () => {
  const pid = shell('env > variables; pwd > directory; exit 7');
  expect(await reapProcess(pid)).toBe(7);
  const variables = readFileSync(join(root, 'variables'), 'utf8').split('\n');
  expect(variables).toContain('GIVEN=yes');
  expect(variables.filter((line) => /^(ABSENT|HOME)=/.test(line))).toEqual([]);
  expect(readFileSync(join(root, 'directory'), 'utf8').trim()).toBe(root);
  expect(await reapProcess(shell('kill -9 $$'))).toBe(137);
});

test('passes descriptors in the order given, and no others', async () => {
  const first = openSync(join(root, 'first'), 'w');
  const second = openSync(join(root, 'second'), 'w');
  const pid = shell('echo one >&3; echo two >&4; ls /proc/self/fd > list', [second, first]);
  closeSync(first);
  closeSync(second);
  await reapProcess(pid);
  expect(readFileSync(join(root, 'second'), 'utf8')).toBe('one\n');
  expect(readFileSync(join(root, 'first'), 'utf8')).toBe('two\n');
  const list = readFileSync(join(root, 'list'), 'utf8').trim().split('\n');
  const plain = execFileSync('/bin/ls', ['/proc/self/fd'], { encoding: 'utf8' }).trim().split('\n');
  expect(list).toHaveLength(plain.length + 2);
});

test('gives what a child prints to pipes, which end with it', async () => {
  const [out, error] = [openPipe(), openPipe()];
  // The file takes the place of what is passed: neither may be in the way of the other.
  const file = openSync(join(root, 'file'), 'w');
  const pid = spawnProcess({
    path: '/bin/sh',
    args: ['-c', 'echo printed; echo complained >&2; echo filed >&3; readlink /proc/self/fd/0 > input'],
    env: {},
    cwd: root,
    outputs: [out[1], error[1]],
    pass: [file],
  });
  for (const fd of [out[1], error[1], file]) closeSync(fd);
  const read = (fd: number): Promise<string> => text(new Socket({ fd, writable: false }));
  expect(await Promise.all([read(out[0]), read(error[0])])).toEqual(['printed\n', 'complained\n']);
  expect(await reapProcess(pid)).toBe(0);
  expect(readFileSync(join(root, 'file'), 'utf8')).toBe('filed\n');
  expect(readFileSync(join(root, 'input'), 'utf8')).toBe('/dev/null\n');
});

test('a child ignores and blocks no signals', async () => {
  await reapProcess(shell('cat /proc/self/status > status'));
  const status = readFileSync(join(root, 'status'), 'utf8');
  expect(/^SigIgn:\s*(\w+)$/m.exec(status)?.[1]).toMatch(/^0+$/);
  expect(/^SigBlk:\s*(\w+)$/m.exec(status)?.[1]).toMatch(/^0+$/);
});

test('talks with a child over a socket pair', async () => {
  const [ours, theirs] = socketPair();
  const pid = shell('read line <&3; echo "got $line" >&3', [theirs]);
  closeSync(theirs);
  const socket = new Socket({ fd: ours });
  socket.write('word\n');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toBe('got word\n');
  expect(await reapProcess(pid)).toBe(0);
  socket.destroy();
});

test('names the program that is not there', () => {
  const request = { path: '/nonexistent', args: [], env: {}, cwd: '/', pass: [] };
  expect(() => spawnProcess(request)).toThrow(
    expect.objectContaining({ code: sysErrors.notFound.code }) as Error,
  );
});
