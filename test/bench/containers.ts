/** `npm run bench`: containers, builds and the idle daemon beside their peers. */
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { busyboxArchive, LADE, project, startMachine, type Machine } from '../support/lade.ts';
import { mustRun } from '../support/process.ts';
import { createScratch, type Scratch } from '../support/scratch.ts';
import { startDockerd, type Dockerd } from './dockerd.ts';
import { printBreakdown, takeApart } from './breakdown.ts';
import { median, race, type Contender, type Sampled } from './measure.ts';
import { printTable, type BenchRow } from './table.ts';

const ms = (sampled: Sampled | undefined): string =>
  sampled === undefined
    ? 'not installed'
    : `${median(sampled.samples).toFixed(0)} ms (${sampled.samples.length})`;

const ratio = (lade: Sampled | undefined, peer: Sampled | undefined): number | undefined =>
  lade === undefined || peer === undefined ? undefined : median(lade.samples) / median(peer.samples);

const runCommand = (host: string): [string, ...string[]] => [
  'docker',
  '-H',
  host,
  'run',
  '--rm',
  'bench/busybox',
  'true',
];

const runRow = async (
  machine: Machine,
  dockerd: Dockerd | undefined,
  scratch: Scratch,
): Promise<BenchRow> => {
  const archive = await busyboxArchive(scratch);
  const hosts = [`unix://${machine.socket}`, ...(dockerd === undefined ? [] : [dockerd.host])];
  for (const host of hosts) await mustRun('docker', ['-H', host, 'import', archive, 'bench/busybox']);
  const contenders = hosts.map((host): Contender => ({ name: host, command: runCommand(host) }));
  const [lade, peer] = await race(contenders, 20);
  const what = 'docker run --rm IMAGE true, default network';
  return {
    what,
    lade: ms(lade),
    peer: `dockerd ${dockerd?.version ?? ''} ${ms(peer)}`,
    ratio: ratio(lade, peer),
    goal: 0.4,
  };
};

/** The Debian base with Node, with the host's certificates inside: the peer has no other way to hand them to a step. */
const baseArchive = async (scratch: Scratch): Promise<string> => {
  const made = join(project, '.cache', 'debian-node.tar');
  if (!existsSync(made)) {
    mkdirSync(join(project, '.cache'), { recursive: true });
    const packages = '--include=nodejs,npm,ca-certificates,procps';
    await mustRun('mmdebstrap', ['--quiet', '--variant=minbase', packages, 'bookworm', made], {
      timeoutMs: 300_000,
    });
  }
  const archive = scratch.join('base.tar');
  copyFileSync(made, archive);
  const bundle = process.env['NODE_EXTRA_CA_CERTS'];
  if (bundle !== undefined) {
    copyFileSync(bundle, scratch.join('host-ca.pem'));
    await mustRun('tar', ['-rf', archive, '-C', scratch.path, 'host-ca.pem']);
  }
  return archive;
};

const rebuildRow = async (
  machine: Machine,
  dockerd: Dockerd | undefined,
  scratch: Scratch,
): Promise<BenchRow> => {
  const archive = await baseArchive(scratch);
  const context = scratch.join('express-shop');
  cpSync(join(project, 'examples', 'express-shop'), context, { recursive: true });
  const hosts = [`unix://${machine.socket}`, ...(dockerd === undefined ? [] : [dockerd.host])];
  const change = ['-c', 'ENV NODE_EXTRA_CA_CERTS=/host-ca.pem'];
  for (const host of hosts)
    await mustRun('docker', ['-H', host, 'import', ...change, archive, 'bench/debian-node'], {
      timeoutMs: 300_000,
    });
  const build = ['build', '-q', '-t', 'bench/shop', '--build-arg', 'BASE=bench/debian-node', context];
  const own: Contender = {
    name: 'lade',
    command: [LADE, '--host', `unix://${machine.socket}`, ...build],
    options: { timeoutMs: 300_000 },
  };
  const buildkit: Contender = {
    name: 'buildkit',
    command: ['/usr/bin/docker', '-H', dockerd?.host ?? '', ...build],
    options: { timeoutMs: 300_000, env: { ...process.env, DOCKER_BUILDKIT: '1' } },
  };
  const [lade, peer] = await race(dockerd === undefined ? [own] : [own, buildkit], 10);
  return {
    what: 'express-shop fully cached, whole process',
    lade: ms(lade),
    peer: `BuildKit ${ms(peer)}`,
    ratio: ratio(lade, peer),
    goal: 1,
  };
};

const pssMb = (pid: number): number => {
  const kb = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
  return Number(kb) / 1024;
};

const memoryRow = async (what: string, machine: Machine, dockerd: Dockerd | undefined): Promise<BenchRow> => {
  const pid = machine.daemon.child.pid ?? 0;
  const peer =
    dockerd === undefined ? undefined : (await dockerd.pids()).reduce((sum, one) => sum + pssMb(one), 0);
  const own = pssMb(pid);
  const peerText = peer === undefined ? 'not installed' : `dockerd + containerd ${peer.toFixed(0)} MB`;
  return {
    what: `idle daemon, PSS, ${what}`,
    lade: `${own.toFixed(0)} MB`,
    peer: peerText,
    ratio: own,
    goal: 90,
    unit: ' MB',
  };
};

const psRow = async (machine: Machine): Promise<BenchRow> => {
  const [lade, node] = await race(
    [
      { name: 'lade ps', command: [LADE, '--host', `unix://${machine.socket}`, 'ps'] },
      { name: 'node', command: [process.execPath, '-e', '0'] },
    ],
    30,
  );
  return {
    what: 'lade ps, whole process',
    lade: ms(lade),
    peer: `node -e 0 ${ms(node)}`,
    ratio: ratio(lade, node),
    goal: 2,
  };
};

/** A daemon that tells how long its steps take, which costs a little: never the one that is timed. */
const printRun = async (): Promise<void> => {
  using own = createScratch();
  await using telling = await startMachine(own, { env: { LADE_LOG_LEVEL: 'debug' } });
  await telling.docker('import', await busyboxArchive(own), 'bench/busybox');
  const command = runCommand(`unix://${telling.socket}`);
  printBreakdown('docker run --rm IMAGE true', await takeApart(telling, command, 12));
};

using scratch = createScratch();
await using machine = await startMachine(scratch);
await using dockerd = await startDockerd(scratch);
await sleep(3_000);
const before = loadavg();
const rows: BenchRow[] = [await memoryRow('fresh start', machine, dockerd)];
rows.push(await psRow(machine));
rows.push(await runRow(machine, dockerd, scratch));
rows.push(await rebuildRow(machine, dockerd, scratch));
for (let run = 0; run < 30; run += 1) await machine.docker('run', '--rm', 'bench/busybox', 'true');
await sleep(30_000);
rows.push(await memoryRow('30 s after runs and builds', machine, dockerd));
printTable(rows, before);
await printRun();
