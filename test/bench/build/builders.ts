import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LADE, startMachine, type Machine } from '../../support/lade.ts';
import { mustRun, run } from '../../support/process.ts';
import type { Scratch } from '../../support/scratch.ts';
import { startDockerd, type Dockerd } from '../dockerd.ts';

/** Debian's docker of 20.10, whose own client speaks to BuildKit without a plugin. */
const OLD_CLI = '/usr/bin/docker';
const LONG = { timeoutMs: 900_000 };

export interface BuildOrder {
  readonly context: string;
  readonly noCache: boolean;
}

/** Somebody who builds Dockerfiles, on a root of its own. */
export interface BenchBuilder extends AsyncDisposable {
  readonly name: string;
  /** Whether it is so slow that a sample or two must do. */
  readonly slow: boolean;
  /** Makes a base image of an archive of a root file system. */
  import(archive: string, reference: string): Promise<void>;
  build(order: BuildOrder): Promise<void>;
  /** Gives up what it keeps in memory from one build to the next, where that would help a build that begins anew. */
  forget?(): Promise<void>;
  /** Milliseconds of processor time that its daemon and what it waited for has used; undefined without a daemon. */
  processorMs(): number | undefined;
}

/** Lade with its daemon, which the breakdown also listens to. */
export interface LadeBuilder extends BenchBuilder {
  readonly machine: Machine;
}

const TAG = 'bench/built:1';
const MS_PER_TICK = 10;
/** Fields of /proc/PID/stat after the name: user, system, and the same of waited-for children. */
const TIMES_AT = 11;

const processorMsOf = (pids: readonly number[]): number => {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`).toString();
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    for (const field of fields.slice(TIMES_AT, TIMES_AT + 4)) ticks += Number(field);
  }
  return ticks * MS_PER_TICK;
};

const buildArgs = ({ context, noCache }: BuildOrder): string[] => [
  'build',
  '-q',
  ...(noCache ? ['--no-cache'] : []),
  '-t',
  TAG,
  context,
];

/** Starts Lade; at level debug its log tells how long each piece of work took. */
export const startLade = async (scratch: Scratch, logLevel = 'warn'): Promise<LadeBuilder> => {
  const machine = await startMachine(scratch, { env: { LADE_LOG_LEVEL: logLevel } });
  const host = `unix://${machine.socket}`;
  return {
    name: 'Lade',
    slow: false,
    machine,
    async import(archive, reference) {
      await mustRun(LADE, ['--host', host, 'import', archive, reference], LONG);
    },
    async build(order) {
      await mustRun(LADE, ['--host', host, ...buildArgs(order)], LONG);
    },
    async forget() {
      await machine.restart('SIGTERM');
      await mustRun(LADE, ['--host', host, 'version']);
    },
    processorMs: () => processorMsOf([machine.daemon.child.pid ?? 0]),
    [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose](),
  };
};

const dockerBuilder = (
  dockerd: Dockerd,
  pids: readonly number[],
  kind: { readonly name: string; readonly buildkit: boolean },
): BenchBuilder => ({
  name: kind.name,
  slow: !kind.buildkit,
  async import(archive, reference) {
    await mustRun(OLD_CLI, ['-H', dockerd.host, 'import', archive, reference], LONG);
  },
  async build(order) {
    const env = { ...process.env, DOCKER_BUILDKIT: kind.buildkit ? '1' : '0' };
    await mustRun(OLD_CLI, ['-H', dockerd.host, ...buildArgs(order)], { ...LONG, env });
  },
  processorMs: () => processorMsOf(pids),
  [Symbol.asyncDispose]: () => Promise.resolve(),
});

/** BuildKit and the legacy builder of one dockerd; empty where docker.io is not installed. */
const startDocker = async (
  scratch: Scratch,
  stack: AsyncDisposableStack,
): Promise<readonly BenchBuilder[]> => {
  const dockerd = existsSync(OLD_CLI) ? await startDockerd(scratch, { ownNetwork: true }) : undefined;
  if (dockerd === undefined) return [];
  stack.use(dockerd);
  const pids = await dockerd.pids();
  const { version } = dockerd;
  return [
    dockerBuilder(dockerd, pids, { name: `BuildKit of ${version}`, buildkit: true }),
    dockerBuilder(dockerd, pids, { name: 'legacy builder', buildkit: false }),
  ];
};

const startBuildah = async (scratch: Scratch): Promise<BenchBuilder | undefined> => {
  const { code } = await run('buildah', ['--version']).catch(() => ({ code: 127 }));
  if (code !== 0) return undefined;
  const root = scratch.join('storage');
  const place = ['--root', root, '--runroot', scratch.join('run'), '--storage-driver', 'overlay'];
  // Debian's crun refuses this machine's layout of cgroups where runc works.
  const isolation = ['--isolation', 'oci', '--runtime', 'runc'];
  const buildah = (...args: readonly string[]) => mustRun('buildah', [...place, ...args], LONG);
  return {
    name: 'buildah',
    slow: true,
    async import(archive, reference) {
      const container = (await buildah('from', 'scratch')).stdout.trim();
      await buildah('add', '-q', container, archive, '/');
      await buildah('commit', '-q', container, reference);
      await buildah('rm', container);
    },
    async build({ context, noCache }) {
      const cache = noCache ? ['--no-cache'] : [];
      await buildah('bud', '-q', '--layers', ...isolation, ...cache, '-t', TAG, context);
    },
    processorMs: () => undefined,
    async [Symbol.asyncDispose]() {
      await run('buildah', [...place, 'rm', '--all']);
      await run('umount', ['-R', join(root, 'overlay')]);
    },
  };
};

/** Everybody who is installed; Lade first, BuildKit second where it is there. */
export const startBuilders = async (
  next: () => Scratch,
  stack: AsyncDisposableStack,
): Promise<readonly BenchBuilder[]> => {
  const lade = stack.use(await startLade(next()));
  const docker = await startDocker(next(), stack);
  const buildah = await startBuildah(next());
  if (buildah !== undefined) stack.use(buildah);
  return [lade, ...docker, ...(buildah === undefined ? [] : [buildah])];
};
