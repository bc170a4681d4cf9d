/**
 * A process to be killed: stores, records and deletes images for ever, and tells each that is recorded (`+ID`) and
 * each that is about to go (`-ID`).
 */
import { randomBytes } from 'node:crypto';
import { asImageId, sha256Of, type ImageId } from '#oci';
import { openImageStore, openRoot } from '../index.ts';

const [path = ''] = process.argv.slice(2);
const tell = (line: string): boolean => process.stdout.write(`${line}\n`);

const root = await openRoot(path);
const store = await openImageStore(root);
const kept: ImageId[] = [];
tell('ready');
for (let turn = 0; ; turn += 1) {
  await using lease = await store.leases.create({
    label: 'churn',
    ...(turn % 3 === 0 ? { ttlMs: 60_000 } : {}),
  });
  const config = Buffer.from(JSON.stringify({ turn, path, random: randomBytes(8).toString('hex') }));
  const layer = randomBytes(200_000);
  await using ingest = await store.blobs.ingest({ ref: `layer ${turn % 5}`, lease });
  if (ingest.offset > 0) await ingest.restart();
  for (let position = 0; position < layer.length; position += 50_000) {
    await ingest.write(layer.subarray(position, position + 50_000));
  }
  const { digest } = await ingest.commit({ digest: sha256Of(layer), size: layer.length });
  const id = asImageId((await store.blobs.put(config, { lease })).digest);
  await store.images.put({
    id,
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [],
    blobs: [digest],
    tags: [`docker.io/library/churn:${turn % 4}`],
  });
  tell(`+${id}`);
  kept.push(id);
  const oldest = kept.length > 6 ? kept.shift() : undefined;
  if (oldest !== undefined) {
    tell(`-${oldest}`);
    await store.images.remove(oldest);
    await store.collect();
  }
}
