import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { writeTar, type TarSource } from '#tar';
import { LADE } from '../../support/lade.ts';
import { mustRun } from '../../support/process.ts';
import { median, race, type Contender } from '../measure.ts';
import type { BenchRow } from '../table.ts';
import type { ImagesBench, Measure } from './bench.ts';
import { createRoots, startPeer, type Peer, type Roots } from './peers.ts';
import { timed } from './turns.ts';

/** Layers of each image; most of them are those of others, too. */
const LAYERS = 10;
/** Layers that images choose theirs from. */
const POOL = 40;
const SAMPLES = 30;

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const layerOf = (number: number): Buffer => {
  const content = Buffer.from(`layer ${number}`);
  const header = Buffer.alloc(512);
  header.write(`file-${number}`);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\u000000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, content, Buffer.alloc(512 - content.length), Buffer.alloc(1024)]);
};

const configOf = (number: number, diffIds: readonly string[]): Buffer =>
  Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      created: new Date(Date.UTC(2024, 0, 1) + number * 1000).toISOString(),
      config: { Cmd: ['/bin/sh'], Labels: { number: String(number), maintainer: 'somebody@example.com' } },
      rootfs: { type: 'layers', diff_ids: diffIds.map((hex) => `sha256:${hex}`) },
      history: diffIds.map((_, index) => ({ created_by: `step ${index}` })),
    }),
  );

/** A docker archive of `count` tagged images; writes it below a root and answers its path. */
const writeArchive = async (roots: Roots, count: number): Promise<string> => {
  const layers = Array.from({ length: POOL }, (_, number) => layerOf(number));
  const hexes = layers.map(digestOf);
  const files: TarSource[] = layers.map((content, index) => ({
    path: `${hexes[index]}/layer.tar`,
    kind: 'file',
    mode: 0o644,
    size: content.length,
    content,
  }));
  const manifest = Array.from({ length: count }, (_, number) => {
    const chosen = Array.from({ length: LAYERS }, (_unused, index) => (number * 7 + index * 4) % POOL);
    const content = configOf(
      number,
      chosen.map((index) => hexes[index] ?? ''),
    );
    const path = `${digestOf(content)}.json`;
    files.push({ path, kind: 'file', mode: 0o644, size: content.length, content });
    const tag = `registry.example.com/team-${number % 50}/app-${number}:1.${number}`;
    return { Config: path, RepoTags: [tag], Layers: chosen.map((index) => `${hexes[index]}/layer.tar`) };
  });
  const content = Buffer.from(JSON.stringify(manifest));
  files.push({ path: 'manifest.json', kind: 'file', mode: 0o644, size: content.length, content });
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(files)) chunks.push(chunk);
  const archive = roots.next().join('images.tar');
  writeFileSync(archive, Buffer.concat(chunks));
  return archive;
};

/** Milliseconds until the answer to a GET is complete, and its bytes. */
const get = async (socketPath: string, path: string): Promise<{ ms: number; bytes: number }> => {
  let bytes = 0;
  const ms = await timed(
    () =>
      new Promise<void>((resolve, reject) => {
        const sent = request({ socketPath, path, agent: false }, (response) => {
          response.on('data', (chunk: Buffer) => (bytes += chunk.length));
          response.on('end', resolve);
        });
        sent.on('error', reject);
        sent.end();
      }),
  );
  return { ms, bytes };
};

const sampleList = async (socket: string, before: (round: number) => Promise<unknown>): Promise<number> => {
  const samples: number[] = [];
  for (let round = 0; round < SAMPLES; round += 1) {
    await before(round);
    samples.push((await get(socket, '/v1.51/images/json')).ms);
  }
  return median(samples);
};

const row = (what: string, ms: number): BenchRow => ({
  what,
  lade: `${ms.toFixed(0)} ms (${SAMPLES})`,
  peer: '',
  ratio: ms,
  goal: 60,
  unit: ' ms',
});

const listRows = async (lade: Peer, archive: string): Promise<readonly BenchRow[]> => {
  const socket = lade.host?.replace('unix://', '') ?? '';
  await lade.run('load', '-q', '-i', archive);
  for (let round = 0; round < 5; round += 1) await get(socket, '/images/json');
  const warm = await sampleList(socket, async () => undefined);
  const changed = await sampleList(socket, (round) =>
    lade.run('tag', 'registry.example.com/team-0/app-0:1.0', `changed:${round}`),
  );
  return [
    row('GET /images/json of 5,000 tagged images, warm', warm),
    row('the same just after a change', changed),
  ];
};

const processRow = async (lade: Peer, docker: Peer, archive: string): Promise<BenchRow> => {
  for (const peer of [lade, docker]) await peer.run('load', '-q', '-i', archive);
  const contenders: readonly Contender[] = [
    { name: 'lade', command: [LADE, '--host', lade.host ?? '', 'images'] },
    { name: 'docker', command: ['docker', '-H', docker.host ?? '', 'images'] },
  ];
  await mustRun(LADE, ['--host', lade.host ?? '', 'images']);
  const [own, peer] = await race(contenders, 15);
  const [ownMs, peerMs] = [median(own?.samples ?? []), median(peer?.samples ?? [])];
  return {
    what: 'images, 500 of them, whole process',
    lade: `lade ${ownMs.toFixed(0)} ms`,
    peer: `docker with ${docker.name} ${peerMs.toFixed(0)} ms`,
    ratio: ownMs / peerMs,
    goal: 1,
  };
};

/** Lists of many images. */
export const rows: Measure = async (_bench: ImagesBench) => {
  using roots = createRoots();
  const few = await writeArchive(roots, 500);
  const many = await writeArchive(roots, 5_000);
  const table: BenchRow[] = [];
  {
    await using lade = await startPeer('lade', roots);
    if (lade !== undefined) table.push(...(await listRows(lade, many)));
  }
  await using lade = await startPeer('lade', roots);
  await using docker = await startPeer('docker', roots);
  if (lade !== undefined && docker !== undefined) table.push(await processRow(lade, docker, few));
  return table;
};
