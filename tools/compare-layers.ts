/**
 * Shows what umoci and dockerd (its `vfs` and `overlay2` drivers) make of the layers of the conformance suite, beside
 * Lade: the facts of docs/layers.md. Needs root, umoci, skopeo, docker.io. Not part of any check.
 *
 *     node tools/compare-layers.ts [PART OF A CASE'S NAME]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { CASES } from '../src/images/layers/testing/cases.ts';
import { writeOciLayout } from '../src/images/layers/testing/oci-layout.ts';
import { unpackByUmoci } from '../src/images/layers/testing/reference.ts';
import { listTree } from '../src/images/layers/testing/tree-listing.ts';
import { listLayers, openTestStore, tarBytes, type TestStore } from '../src/images/layers/testing.ts';
import { mustRun, run } from '../test/support/process.ts';

const DRIVERS = ['vfs', 'overlay2'] as const;
type Driver = (typeof DRIVERS)[number];

interface Dockerd extends AsyncDisposable {
  readonly driver: Driver;
  readonly root: string;
  readonly host: string;
}

/** A daemon of its own root and sockets, without networks. */
const startDockerd = async (driver: Driver): Promise<Dockerd> => {
  const root = mkdtempSync(`/var/tmp/lc-${driver}-`);
  const host = `unix://${root}/s`;
  const own = ['-H', host, '--data-root', `${root}/d`, '--exec-root', `${root}/e`, '-p', `${root}/p`];
  const child = spawn('/usr/sbin/dockerd', [...own, '-s', driver, '--iptables=false', '--bridge=none'], {
    stdio: 'ignore',
  });
  const exited = once(child, 'exit');
  while ((await run('docker', ['-H', host, 'version'])).code !== 0 && child.exitCode === null)
    await setTimeout(200);
  return {
    driver,
    root,
    host,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await exited;
      rmSync(root, { recursive: true, force: true });
    },
  };
};

/** What dockerd puts into every container is left out, and so are times of now. */
const OWN = /^\/(?:\.dockerenv|dev|etc|proc|sys|run)\b/;
const told = (lines: readonly string[], since: bigint): readonly string[] =>
  lines
    .filter((line) => !OWN.test(line))
    .map((line) => line.replace(/@(\d+)/, (text, time: string) => (BigInt(time) >= since ? '@now' : text)));

const listMerged = async (lowers: string, work: string): Promise<readonly string[]> => {
  const target = mkdtempSync(join(work, 'merged-'));
  await mustRun('mount', [
    '-t',
    'overlay',
    'overlay',
    '-o',
    `lowerdir=${lowers}:${join(work, 'empty')}`,
    target,
  ]);
  try {
    return listTree(target);
  } finally {
    await mustRun('umount', [target]);
  }
};

const unpackByDocker = async (
  dockerd: Dockerd,
  tars: readonly Buffer[],
  work: string,
): Promise<readonly string[]> => {
  const { driver, root, host } = dockerd;
  const docker = (...args: string[]) => run('docker', ['-H', host, ...args]);
  const layout = mkdtempSync(join(work, 'layout-'));
  writeOciLayout(layout, tars);
  const archive = `${layout}.tar`;
  await mustRun('skopeo', ['copy', '-q', `oci:${layout}:test`, `docker-archive:${archive}:case:test`]);
  const loaded = await docker('load', '-q', '-i', archive);
  rmSync(archive);
  if (loaded.code !== 0) return [`refused: ${loaded.stderr.trim().slice(0, 200)}`];
  const id = (await docker('create', 'case:test', '/x')).stdout.trim();
  const mount = readFileSync(`${root}/d/image/${driver}/layerdb/mounts/${id}/mount-id`, 'utf8');
  if (driver === 'vfs') return listTree(`${root}/d/vfs/dir/${mount}`);
  const lowers = (await docker('inspect', '-f', '{{.GraphDriver.Data.LowerDir}}', id)).stdout.trim();
  return await listMerged(lowers, work);
};

const unpackHere = async ({ store }: TestStore, tars: readonly Buffer[]): Promise<readonly string[]> => {
  const layers = [];
  for (const tar of tars)
    layers.push(
      (await store.unpack({ kind: 'stream', stream: Readable.from([tar]), compression: 'none' })).diffId,
    );
  return await listLayers(store, layers);
};

const reasonOf = (error: unknown): readonly string[] => [`failed: ${String(error).slice(0, 200)}`];

/** Prints the lines that not all have, once for each outcome. */
const print = (name: string, results: ReadonlyMap<string, readonly string[]>): void => {
  const common = [...results.values()].reduce((all, lines) => all.filter((line) => lines.includes(line)));
  const outcomes = Map.groupBy(results.keys(), (who) => (results.get(who) ?? []).join('\n'));
  console.log(`\n## ${name}${outcomes.size === 1 ? ': all alike' : ''}`);
  if (outcomes.size > 1)
    for (const [text, who] of outcomes)
      console.log(
        [`  ${who.join(', ')}`, ...text.split('\n').filter((line) => !common.includes(line))].join('\n    '),
      );
};

const work = mkdtempSync('/var/tmp/lade-compare-');
mkdirSync(join(work, 'empty'));
try {
  await using vfs = await startDockerd('vfs');
  await using overlay = await startDockerd('overlay2');
  await using here = await openTestStore('directories');
  for (const [name, layers] of Object.entries(CASES)) {
    if (!name.includes(process.argv[2] ?? '')) continue;
    const since = BigInt(Date.now()) * 1_000_000n - 1_000_000_000n;
    const tars: Buffer[] = [];
    for (const layer of layers) tars.push(Buffer.isBuffer(layer) ? layer : await tarBytes(layer));
    const umoci = unpackByUmoci(tars);
    const results = new Map([
      ['umoci', umoci.kind === 'root' ? umoci.lines : [`refused: ${umoci.reason.trim()}`]],
    ]);
    for (const dockerd of [vfs, overlay])
      results.set(dockerd.driver, await unpackByDocker(dockerd, tars, work).catch(reasonOf));
    results.set('lade', await unpackHere(here, tars).catch(reasonOf));
    print(name, new Map([...results].map(([who, lines]) => [who, told(lines, since)])));
  }
} finally {
  rmSync(work, { recursive: true });
}
