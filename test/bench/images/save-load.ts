import { mustRun } from '../../support/process.ts';
import type { BenchRow } from '../table.ts';
import type { ImagesBench, Measure } from './bench.ts';
import { createRoots, hasSkopeo, startPeer, type PeerKind, type Roots } from './peers.ts';
import { forInformation, ratioRow, takeTurns, timed, type Participant } from './turns.ts';

const KINDS = ['lade', 'docker', 'podman'] as const;

/** Time to save what was pulled. */
const saver = (kind: PeerKind, { fixture }: ImagesBench, roots: Roots): Participant => ({
  name: kind,
  async sample() {
    await using peer = await startPeer(kind, roots);
    if (peer === undefined) return undefined;
    await peer.run('pull', fixture.reference);
    const archive = roots.next().join('image.tar');
    return await timed(() => peer.run('save', '-o', archive, fixture.reference));
  },
});

/** Time to load an archive into an empty root. */
const loader = (kind: PeerKind, archive: string, roots: Roots): Participant => ({
  name: kind,
  async sample() {
    await using peer = await startPeer(kind, roots);
    return peer === undefined ? undefined : await timed(() => peer.run('load', '-i', archive));
  },
});

const saves = async (bench: ImagesBench): Promise<readonly BenchRow[]> => {
  using roots = createRoots();
  const participants = KINDS.map((kind) => saver(kind, bench, roots));
  const [lade, docker, podman] = await takeTurns(participants, bench.rounds);
  if (!lade || !docker || !podman) return [];
  return [
    ratioRow('save of a pulled image, 364 MB', { lade, peer: docker, goal: 0.5 }),
    forInformation('save of a pulled image', lade, podman),
  ];
};

const loads = async (bench: ImagesBench, what: string, archive: string): Promise<readonly BenchRow[]> => {
  using roots = createRoots();
  const participants = KINDS.map((kind) => loader(kind, archive, roots));
  const [lade, docker, podman] = await takeTurns(participants, bench.rounds);
  if (!lade || !docker || !podman) return [];
  return [ratioRow(what, { lade, peer: docker, goal: 0.5 }), forInformation(what, lade, podman)];
};

/** The fixture as Docker archives have it: layers uncompressed. */
const plainArchive = async ({ fixture }: ImagesBench, roots: Roots): Promise<string> => {
  const archive = roots.next().join('plain.tar');
  await mustRun('skopeo', [
    'copy',
    '-q',
    `oci:${fixture.layout}:image`,
    `docker-archive:${archive}:bench/image:1`,
  ]);
  return archive;
};

/** The fixture as Lade saves it: layers as they were pulled. */
const packedArchive = async ({ fixture }: ImagesBench, roots: Roots): Promise<string> => {
  const archive = roots.next().join('packed.tar');
  await using peer = await startPeer('lade', roots);
  await peer?.run('pull', fixture.reference);
  await peer?.run('save', '-o', archive, fixture.reference);
  return archive;
};

/** Save of a pulled image, and load of the same image plain and packed; whole client process. */
export const rows: Measure = async (bench) => {
  using roots = createRoots();
  const plain = hasSkopeo()
    ? await loads(bench, 'load of plain layers, 364 MB', await plainArchive(bench, roots))
    : [];
  const packed = await loads(bench, 'load of gzip layers', await packedArchive(bench, roots));
  return [...(await saves(bench)), ...plain, ...packed];
};
