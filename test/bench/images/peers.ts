import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startMachine } from '../../support/lade.ts';
import { mustRun, run, type Finished } from '../../support/process.ts';
import { createScratch, type Scratch } from '../../support/scratch.ts';
import { startDockerd } from '../dockerd.ts';

export type PeerKind = 'lade' | 'docker' | 'podman';

/** An image system on a root of its own that speaks docker's command line. */
export interface Peer extends AsyncDisposable {
  readonly kind: PeerKind;
  /** With its version where there is one. */
  readonly name: string;
  readonly root: string;
  /** Pid of the daemon; undefined where there is none. */
  readonly pid: number | undefined;
  /** What a client of the docker API talks to; undefined where there is none. */
  readonly host: string | undefined;
  /** Runs `pull`, `push`, `import`, `tag`, … with docker's arguments; registries on loopback need no TLS. */
  run(...args: readonly string[]): Promise<Finished>;
}

/** Roots of one measurement, deleted together at its end: creating files after a deletion is slower on ext4. */
export interface Roots extends Disposable {
  next(): Scratch;
}

export const createRoots = (): Roots => {
  const stack = new DisposableStack();
  return { next: () => stack.use(createScratch()), [Symbol.dispose]: () => stack.dispose() };
};

const LONG = { timeoutMs: 600_000 };

const startLade = async (roots: Roots): Promise<Peer> => {
  const machine = await startMachine(roots.next());
  const host = `unix://${machine.socket}`;
  return {
    kind: 'lade',
    name: 'Lade',
    root: machine.root,
    host,
    pid: machine.daemon.child.pid,
    run: (...args) => mustRun('docker', ['-H', host, ...args], LONG),
    [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose](),
  };
};

const startDocker = async (roots: Roots): Promise<Peer | undefined> => {
  const scratch = roots.next();
  const dockerd = await startDockerd(scratch);
  if (dockerd === undefined) return undefined;
  const [pid] = await dockerd.pids();
  return {
    kind: 'docker',
    name: `dockerd ${dockerd.version}`,
    root: scratch.join('docker'),
    host: dockerd.host,
    pid,
    run: (...args) => mustRun('docker', ['-H', dockerd.host, ...args], LONG),
    [Symbol.asyncDispose]: () => dockerd[Symbol.asyncDispose](),
  };
};

const hasCommand = (name: string): boolean =>
  (process.env['PATH'] ?? '').split(':').some((directory) => existsSync(join(directory, name)));

const OVER_NETWORK: ReadonlySet<string> = new Set(['pull', 'push']);

const startPodman = async (roots: Roots): Promise<Peer | undefined> => {
  if (!hasCommand('podman')) return undefined;
  const scratch = roots.next();
  const root = scratch.join('root');
  const place = ['--root', root, '--runroot', scratch.join('run'), '--storage-driver', 'overlay'];
  const { stdout } = await run('podman', ['--version']);
  return {
    kind: 'podman',
    name: stdout.trim().replace(' version', ''),
    root,
    host: undefined,
    pid: undefined,
    run: (verb = '', ...args) =>
      mustRun(
        'podman',
        [...place, verb, ...(OVER_NETWORK.has(verb) ? ['--tls-verify=false'] : []), ...args],
        LONG,
      ),
    async [Symbol.asyncDispose]() {
      await run('umount', [join(root, 'overlay')]);
    },
  };
};

/** Starts a peer on an empty root; undefined where it is not installed. */
export const startPeer = (kind: PeerKind, roots: Roots): Promise<Peer | undefined> => {
  if (kind === 'lade') return startLade(roots);
  return kind === 'docker' ? startDocker(roots) : startPodman(roots);
};

/** Skopeo copies between a registry and OCI layouts; nothing is unpacked. */
export const hasSkopeo = (): boolean => hasCommand('skopeo');

export const skopeoCopy = async (from: string, to: string): Promise<void> => {
  const plain = ['--src-tls-verify=false', '--dest-tls-verify=false'];
  await mustRun('skopeo', ['copy', '-q', ...plain, from, to], LONG);
};

/** An OCI layout below a root. */
export const emptyLayout = (roots: Roots): string => {
  const path = roots.next().join('layout');
  mkdirSync(path);
  return path;
};
