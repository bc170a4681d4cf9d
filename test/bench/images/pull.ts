import { join } from 'node:path';
import { mustRun } from '../../support/process.ts';
import type { ImagesBench, Measure } from './bench.ts';
import {
  createRoots,
  emptyLayout,
  hasSkopeo,
  skopeoCopy,
  startPeer,
  type PeerKind,
  type Roots,
} from './peers.ts';
import { forInformation, ratioRow, takeTurns, timed, type Participant } from './turns.ts';

const puller = (kind: PeerKind, { fixture }: ImagesBench, roots: Roots): Participant => ({
  name: kind,
  async sample() {
    await using peer = await startPeer(kind, roots);
    return peer === undefined ? undefined : await timed(() => peer.run('pull', fixture.reference));
  },
});

const copier = ({ fixture }: ImagesBench, roots: Roots): Participant => ({
  name: 'skopeo to an OCI layout',
  sample: async () =>
    hasSkopeo()
      ? timed(() => skopeoCopy(`docker://${fixture.reference}`, `oci:${emptyLayout(roots)}:image`))
      : undefined,
});

const limit = ({ fixture }: ImagesBench, roots: Roots): Participant => ({
  name: 'the limit',
  async sample() {
    const program = join(import.meta.dirname, 'limit.ts');
    const { stdout } = await mustRun(process.execPath, [program, roots.next().path, ...fixture.blobs]);
    return Number(stdout);
  },
});

/** Cold pull into an empty root, whole client process. */
export const rows: Measure = async (bench) => {
  using roots = createRoots();
  const participants = [
    puller('lade', bench, roots),
    puller('docker', bench, roots),
    puller('podman', bench, roots),
    copier(bench, roots),
    limit(bench, roots),
  ];
  const [lade, docker, podman, skopeo, least] = await takeTurns(participants, bench.rounds);
  if (!lade || !docker || !podman || !skopeo || !least) return [];
  return [
    ratioRow('cold pull, 364 MB in 14 layers', { lade, peer: docker, goal: 0.35 }),
    ratioRow('cold pull', { lade, peer: least, goal: 1.3 }),
    forInformation('cold pull', lade, podman),
    forInformation('cold pull', lade, skopeo),
  ];
};
