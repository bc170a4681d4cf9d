import { performance } from 'node:perf_hooks';
import type { Digest } from '#oci';
import { median } from '../measure.ts';
import type { BenchRow } from '../table.ts';
import type { Measure } from './bench.ts';
import { createClient, type Client } from './client.ts';
import { startLade } from './peers.ts';
import { addIndex, inCrowds, withStorage } from './storage.ts';

const REPOSITORIES = 1_000;
const MANIFESTS = 100_000;
/** This one has many more than the others, all about one subject. */
const LARGE = 'large/signed';
const REFERRERS = 5_000;
const RARE = 'application/vnd.example.rare';
const SAMPLES = 50;

const nameOf = (index: number): string => {
  const one = index % REPOSITORIES;
  return `team${one % 37}/app${one}`;
};

const fill = async (root: string): Promise<Digest> => {
  let subject: Digest | undefined;
  await withStorage(root, async (storage) => {
    const about = await addIndex(storage, { repository: LARGE, name: 'subject', tag: 'v1' });
    subject = about;
    await inCrowds(REFERRERS, async (index) => {
      const artifactType = index % 2_500 === 0 ? RARE : 'application/vnd.example.signature';
      await addIndex(storage, { repository: LARGE, name: `r${index}`, subject: about, artifactType });
    });
    await inCrowds(MANIFESTS - REFERRERS, async (index) => {
      const name = `v${index}`;
      await addIndex(storage, { repository: nameOf(index), name, tag: name });
    });
  });
  if (subject === undefined) throw new Error('no subject');
  return subject;
};

const ask = async (client: Client, what: string, path: string): Promise<BenchRow> => {
  const times: number[] = [];
  let bytes = 0;
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const began = performance.now();
    ({ length: bytes } = (await client.call('GET', path)).body);
    times.push(performance.now() - began);
  }
  const worst = Math.max(...times).toFixed(1);
  const lade = `${SAMPLES} times, ${bytes} bytes, most ${worst} ms`;
  return { what, lade, peer: '–', ratio: median(times), goal: 20, unit: ' ms' };
};

/** Lists of a registry that has much in it. */
export const rows: Measure = async ({ roots }) => {
  const root = roots.next().join('root');
  const subject = await fill(root);
  await using registry = await startLade(root);
  using client = createClient(registry);
  const referrers = `/v2/${LARGE}/referrers/${subject}`;
  return [
    await ask(client, 'tags/list of 95, among 100,000 manifests', `/v2/${nameOf(500)}/tags/list`),
    await ask(client, 'catalog, a page of 100 of 1,000', '/v2/_catalog?n=100&last=team2'),
    await ask(client, 'catalog, all 1,000', '/v2/_catalog'),
    await ask(client, 'referrers, a page of 5,000', referrers),
    await ask(
      client,
      'referrers, 2 of 5,000 by artifactType',
      `${referrers}?artifactType=${encodeURIComponent(RARE)}`,
    ),
  ];
};
