import type { BenchRow } from '../table.ts';
import type { ImagesBench, Measure } from './bench.ts';
import { archiveFiles } from './fixture.ts';
import {
  createRoots,
  hasSkopeo,
  skopeoCopy,
  startPeer,
  type Peer,
  type PeerKind,
  type Roots,
} from './peers.ts';
import { startBenchRegistry } from './registry.ts';
import { forInformation, ratioRow, takeTurns, timed, type Participant } from './turns.ts';

/** Bytes of the layer that was never compressed. */
const LOCAL_BYTES = 200_000_000;

/** Time to push what `prepare` made into an empty registry. */
const pusher = (
  kind: PeerKind,
  roots: Roots,
  prepare: (peer: Peer, target: string) => Promise<void>,
): Participant => ({
  name: kind,
  async sample() {
    await using peer = await startPeer(kind, roots);
    if (peer === undefined) return undefined;
    await using registry = await startBenchRegistry(roots.next().path);
    const target = `${registry.host}/pushed/image:1`;
    await prepare(peer, target);
    return await timed(() => peer.run('push', target));
  },
});

const pulled = (kind: PeerKind, { fixture }: ImagesBench, roots: Roots): Participant =>
  pusher(kind, roots, async (peer, target) => {
    await peer.run('pull', fixture.reference);
    await peer.run('tag', fixture.reference, target);
  });

const copied = ({ fixture }: ImagesBench, roots: Roots): Participant => ({
  name: 'skopeo from an OCI layout',
  async sample() {
    if (!hasSkopeo()) return undefined;
    await using registry = await startBenchRegistry(roots.next().path);
    return await timed(() =>
      skopeoCopy(`oci:${fixture.layout}:image`, `docker://${registry.host}/pushed/image:1`),
    );
  },
});

const pushPulled = async (bench: ImagesBench): Promise<readonly BenchRow[]> => {
  using roots = createRoots();
  const kinds = ['lade', 'docker', 'podman'] as const;
  const participants = [...kinds.map((kind) => pulled(kind, bench, roots)), copied(bench, roots)];
  const [lade, docker, podman, skopeo] = await takeTurns(participants, bench.rounds);
  if (!lade || !docker || !podman || !skopeo) return [];
  return [
    ratioRow('push of a pulled image, 364 MB', { lade, peer: docker, goal: 0.1 }),
    ratioRow('push of a pulled image', { lade, peer: skopeo, goal: 0.9 }),
    forInformation('push of a pulled image', lade, podman),
  ];
};

const pushLocal = async (bench: ImagesBench): Promise<readonly BenchRow[]> => {
  using roots = createRoots();
  const tar = roots.next().join('local.tar');
  await archiveFiles(tar, LOCAL_BYTES);
  const kinds = ['lade', 'docker', 'podman'] as const;
  const participants = kinds.map((kind) =>
    pusher(kind, roots, async (peer, target) => void (await peer.run('import', tar, target))),
  );
  const [lade, docker, podman] = await takeTurns(participants, bench.rounds);
  if (!lade || !docker || !podman) return [];
  return [
    ratioRow('push of a local layer of 200 MB', { lade, peer: docker, goal: 0.4 }),
    forInformation('push of a local layer of 200 MB', lade, podman),
  ];
};

/** Push to an empty registry, whole client process. */
export const rows: Measure = async (bench) => [...(await pushPulled(bench)), ...(await pushLocal(bench))];
