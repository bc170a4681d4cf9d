import { request } from 'node:http';
import type { Measure } from './bench.ts';
import { serveLarge } from './fixture.ts';
import { createRoots, startPeer, type Peer, type PeerKind, type Roots } from './peers.ts';
import { forInformation, ratioRow, takeTurns, timed, type Participant } from './turns.ts';

/** Removal through Lade's own API, which frees at once: nothing is kept to be undone. */
const purge = (peer: Peer, reference: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const socketPath = peer.host?.replace('unix://', '');
    const path = `/v1.41/images/${reference}?purge=1`;
    const asked = request({ socketPath, path, method: 'DELETE' }, (answer) => {
      answer.resume();
      answer.once('end', () =>
        answer.statusCode === 200 ? resolve() : reject(new Error(`${path}: status ${answer.statusCode}`)),
      );
    });
    asked.once('error', reject);
    asked.end();
  });

/** Time to remove a pulled image of 2 GB in 16 layers, with its command line. */
const remover = (kind: PeerKind, reference: string, roots: Roots): Participant => ({
  name: kind,
  async sample() {
    await using peer = await startPeer(kind, roots);
    if (peer === undefined) return undefined;
    await peer.run('pull', reference);
    return timed(() => peer.run('rmi', reference));
  },
});

const purger = (reference: string, roots: Roots): Participant => ({
  name: 'lade',
  async sample() {
    await using peer = await startPeer('lade', roots);
    if (peer === undefined) return undefined;
    await peer.run('pull', reference);
    return timed(() => purge(peer, reference));
  },
});

/** Removal of an image. */
export const rows: Measure = async (bench) => {
  using roots = createRoots();
  await using large = await serveLarge(roots.next().path);
  const { reference } = large;
  const kinds = ['lade', 'docker', 'podman'] as const;
  const participants = [...kinds.map((kind) => remover(kind, reference, roots)), purger(reference, roots)];
  const [lade, docker, podman, freed] = await takeTurns(participants, Math.min(bench.rounds, 2));
  if (!lade || !docker || !podman || !freed) return [];
  const what = 'rmi of 2 GB in 16 layers';
  return [
    ratioRow(what, { lade, peer: docker, goal: 0.2 }),
    ratioRow(`${what}, freed at once (API)`, { lade: freed, peer: docker, goal: 0.2 }),
    forInformation(what, lade, podman),
  ];
};
