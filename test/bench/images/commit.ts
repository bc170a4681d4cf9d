import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import type { ImagesBench, Measure } from './bench.ts';
import { median } from '../measure.ts';
import { createRoots, startPeer, type Peer, type PeerKind, type Roots } from './peers.ts';
import { forInformation, ratioRow, takeTurns, timed, type Participant } from './turns.ts';

/** Commits of one container, of which the median counts. */
const COMMITS = 5;

/** One POST to a docker API, without a client process around it. */
const post = (host: string, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const socketPath = host.replace('unix://', '');
    const asked = request({
      socketPath,
      path,
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
    });
    asked.on('error', reject);
    asked.on('response', (answer) => {
      answer.resume();
      answer.on('error', reject);
      answer.on('end', () => {
        if (answer.statusCode === 201) resolve();
        else reject(new Error(`${path}: status ${answer.statusCode}`));
      });
    });
    asked.end('{}');
  });

const commit = (peer: Peer, tag: string): Promise<unknown> =>
  peer.host === undefined
    ? peer.run('commit', 'changed', `bench/changed:${tag}`)
    : post(peer.host, `/v1.41/commit?container=changed&repo=bench/changed&tag=${tag}`);

/** Time to commit a container of the pulled image in which one file is new: of the API, of podman the whole process. */
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
    const samples: number[] = [];
    for (let tag = 0; tag < COMMITS; tag += 1) samples.push(await timed(() => commit(peer, String(tag))));
    return median(samples);
  },
});

/** Commit of a container with one changed file. */
export const rows: Measure = async (bench) => {
  using roots = createRoots();
  const kinds = ['lade', 'docker', 'podman'] as const;
  const participants = kinds.map((kind) => committer(kind, bench, roots));
  const [lade, docker, podman] = await takeTurns(participants, bench.rounds);
  if (!lade || !docker || !podman) return [];
  const what = 'commit of one changed file, image of 364 MB';
  return [ratioRow(what, { lade, peer: docker, goal: 0.3 }), forInformation(what, lade, podman)];
};
