import { accessSync, constants, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { run } from '../support/process.ts';
import type { Scratch } from '../support/scratch.ts';

/** A dockerd of the benchmark's own. */
export interface Dockerd extends AsyncDisposable {
  readonly host: string;
  readonly version: string;
  /** The daemon's process and those of its containerd. */
  pids(): Promise<readonly number[]>;
}

const DOCKERD = '/usr/sbin/dockerd';

const isThere = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** A dockerd leaves the namespace that its containers shared with the machine. */
const unmountBelow = async ({ path }: Scratch): Promise<void> => {
  const points = readFileSync('/proc/self/mountinfo')
    .toString()
    .split('\n')
    .map((line) => line.split(' ', 5)[4] ?? '');
  for (const point of points.toReversed())
    if (point.startsWith(`${path}/`)) await run('umount', ['-l', point]);
};

export interface DockerdOptions {
  /** Default: the machine's own. */
  readonly program?: string;
  /** Where else containerd is looked for. */
  readonly path?: string;
  readonly args?: readonly string[];
  /** Beside its own environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** A network of its own keeps its bridge from other daemons of the machine, but reaches nobody. */
  readonly ownNetwork?: boolean;
}

/** Starts Debian's dockerd on a private root; undefined where docker.io is not installed. */
export const startDockerd = async (
  scratch: Scratch,
  { program = DOCKERD, path, args: more = [], env: extra = {}, ownNetwork = false }: DockerdOptions = {},
): Promise<Dockerd | undefined> => {
  if (!isThere(program)) return undefined;
  const host = `unix://${scratch.join('docker.sock')}`;
  const args = [
    '-H',
    host,
    '--data-root',
    scratch.join('docker'),
    '--exec-root',
    scratch.join('de'),
    '-p',
    scratch.join('docker.pid'),
  ];
  const PATH = path === undefined ? process.env['PATH'] : `${path}:${process.env['PATH']}`;
  const env = { ...process.env, ...extra, PATH };
  const command = [program, ...args, ...more, '-l', 'error'];
  const [first = program, ...rest] = ownNetwork ? ['unshare', '--net', ...command] : command;
  const child = spawn(first, rest, { stdio: 'ignore', env });
  const exited = once(child, 'exit');
  const ask = () => run('docker', ['-H', host, 'version', '-f', '{{.Server.Version}}']);
  const deadline = Date.now() + 30_000;
  let answer = await ask();
  while (answer.code !== 0) {
    if (Date.now() > deadline || child.exitCode !== null) return undefined;
    await sleep(200);
    answer = await ask();
  }
  return {
    host,
    version: answer.stdout.trim(),
    async pids() {
      const children = await run('ps', ['-o', 'pid=', '--ppid', String(child.pid)]);
      return [child.pid ?? 0, ...children.stdout.split('\n').filter(Boolean).map(Number)];
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await exited;
      await unmountBelow(scratch);
    },
  };
};
