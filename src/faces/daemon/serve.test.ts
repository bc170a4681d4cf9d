import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { json, text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createHttpClient } from '#http';

const MAIN = new URL('main.ts', import.meta.url).pathname;

let directory: string;
let daemon: ChildProcess;
let readyLine: string;
const root = (): string => join(directory, 'root');
const socketPath = (): string => join(directory, 's');

const start = (...args: string[]): ChildProcess =>
  spawn(process.execPath, [MAIN, '--log-level', 'error', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'lade-serve-'));
  daemon = start('--root', root(), '--host', `unix://${socketPath()}`, '--host', 'tcp://127.0.0.1:0');
  daemon.stderr?.pipe(process.stderr);
  [readyLine] = (await once(createInterface({ input: daemon.stdout! }), 'line')) as [string];
});

afterAll(() => {
  if (daemon.exitCode === null) daemon.kill('SIGKILL');
  const runHash = createHash('sha256').update(join(root(), 'runtime')).digest('hex').slice(0, 8);
  rmSync(join('/run/lade', runHash), { recursive: true, force: true });
  rmSync(directory, { recursive: true });
});

test('one line tells that it is ready, and where', () => {
  expect(readyLine).toMatch(
    /^lade daemon listening on unix:\/\/\/\S+\/s (http|tcp):\/\/127\.0\.0\.1:\d+\/?$/,
  );
});

test('the rooms answer through it', async () => {
  await using client = createHttpClient({ socketPath: socketPath() });
  const ask = async (url: string): Promise<unknown> => json((await client.request({ url })).body);
  expect(await ask('/v1.51/images/json')).toEqual([]);
  expect(await ask('/containers/json?all=1')).toEqual([]);
  expect(await ask('/volumes')).toMatchObject({ Volumes: [] });
  expect(await ask('/networks')).toMatchObject([{ Name: 'bridge' }, { Name: 'host' }, { Name: 'none' }]);
  expect(await ask('/system/df')).toMatchObject({ LayersSize: 0, Images: [], Containers: [] });
  expect(await ask('/info')).toMatchObject({ DockerRootDir: root(), Images: 0, OSType: 'linux' });
  expect(await ask('/version')).toMatchObject({ ApiVersion: '1.51', MinAPIVersion: '1.24' });
  expect(await ask('/lade/v1/info')).toMatchObject({ pid: daemon.pid, root: root() });
  expect(await ask('/lade/v1/system/df')).toMatchObject({ images: { count: 0, bytes: 0 } });
  expect(await ask('/images/none/json')).toMatchObject({ message: 'No such image: none:latest' });
});

test('check reads everything again and reports', async () => {
  await using client = createHttpClient({ socketPath: socketPath() });
  const answer = await client.request({ method: 'POST', url: '/lade/v1/system/check' });
  const lines = (await text(answer.body)).trim().split('\r\n');
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ kind: 'report', report: { findings: [] } });
});

test('a second daemon on the same root is told who holds it', async () => {
  const second = start('--root', root(), '--host', `unix://${directory}/s2`);
  const [stderr, [code]] = await Promise.all([text(second.stderr!), once(second, 'exit')]);
  expect(code).toBe(1);
  expect(stderr).toContain(`${root()} is in use by another process (process ${daemon.pid})`);
});

test('SIGTERM ends it cleanly', async () => {
  daemon.kill('SIGTERM');
  expect(await once(daemon, 'exit')).toEqual([0, null]);
  expect(existsSync(socketPath())).toBe(false);
});
