import { writeFileSync } from 'node:fs';
import type { ImagesBench, Measure } from './bench.ts';
import { createRoots, startPeer, type PeerKind, type Roots } from './peers.ts';
import { forInformation, ratioRow, takeTurns, timed, type Participant } from './turns.ts';

/** Time to commit a container of the pulled image in which one file is new. */
const committer = (kind: PeerKind, { fixture }: ImagesBench, roots: Roots): Participant => ({
  name: kind,
  async sample() {
    await using peer = await startPeer(kind, roots);
    if (peer === undefined) return undefined;
    await peer.run('pull', fixture.reference);
    await peer.run('create', '--name', 'changed', fixture.reference);
    const file = roots.next().join('changed.txt');
    writeFileSync(file, 'changed\n');
    await peer.run('cp', file, 'changed:/changed.txt');
    return await timed(() => peer.run('commit', 'changed', 'bench/changed:1'));
  },
});

/** Commit of a container with one changed file, whole client process. */
export const rows: Measure = async (bench) => {
  using roots = createRoots();
  const kinds = ['lade', 'docker', 'podman'] as const;
  const participants = kinds.map((kind) => committer(kind, bench, roots));
  const [lade, docker, podman] = await takeTurns(participants, bench.rounds);
  if (!lade || !docker || !podman) return [];
  const what = 'commit of one changed file, image of 364 MB';
  return [ratioRow(what, { lade, peer: docker, goal: 0.3 }), forInformation(what, lade, podman)];
};
