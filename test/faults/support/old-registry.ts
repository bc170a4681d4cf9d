/** A registry's root as the first version of its tables left it. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { State } from './facts.ts';
import { digestOf, makeImage, type MadeImage } from './images.ts';

const SCHEMA = readFileSync(join(import.meta.dirname, 'registry-v1.sql')).toString();
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
/** Long ago, so that nothing is young enough to be protected. */
const THEN_MS = Date.UTC(2024, 0, 1);

const writeBlob = (root: string, content: Buffer): string => {
  const digest = digestOf(content);
  const hex = digest.slice('sha256:'.length);
  const file = join(root, 'blobs', 'sha256', hex.slice(0, 2), hex);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content, { mode: 0o444 });
  return digest;
};

const insertImage = (database: DatabaseSync, repository: string, image: MadeImage): void => {
  const run = (sql: string, ...values: readonly (string | number | Buffer | null)[]) =>
    database.prepare(`INSERT INTO ${sql} ON CONFLICT DO NOTHING`).run(...values);
  const contents = [image.config, ...image.layers.map(({ blob }) => blob)];
  const { manifest, manifestDigest } = image;
  run('repositories VALUES (?, ?)', repository, THEN_MS);
  for (const content of contents) {
    run('blobs VALUES (?, ?, ?)', digestOf(content), content.length, THEN_MS);
    run('links VALUES (?, ?, ?)', repository, digestOf(content), THEN_MS);
  }
  run('manifest_contents VALUES (?, ?)', manifestDigest, manifest);
  const facts = [MANIFEST, manifest.length, null, null, null, THEN_MS] as const;
  run('manifests VALUES (?, ?, ?, ?, ?, ?, ?, ?)', repository, manifestDigest, ...facts);
  for (const content of contents)
    run('edges VALUES (?, ?, ?, ?)', repository, manifestDigest, digestOf(content), 'blob');
};

/** Makes the root, and tells what is to be found in it. */
export const makeOldRegistry = (root: string, repositories: number): ReadonlyMap<string, State> => {
  mkdirSync(join(root, 'uploads'), { recursive: true });
  writeFileSync(join(root, 'version'), '1\n');
  const database = new DatabaseSync(join(root, 'registry.db'));
  const facts = new Map<string, State>();
  const shared = makeImage([2000]);
  try {
    database.exec('PRAGMA journal_mode = WAL');
    database.exec(SCHEMA);
    for (let number = 0; number < repositories; number++) {
      const repository = `old/${number}`;
      for (const [tag, image] of [
        ['shared', shared],
        ['own', makeImage([1500])],
      ] as const) {
        for (const content of [image.config, ...image.layers.map(({ blob }) => blob)])
          facts.set(`/v2/${repository}/blobs/${writeBlob(root, content)}`, digestOf(content));
        insertImage(database, repository, image);
        database
          .prepare('INSERT INTO tags VALUES (?, ?, ?, ?)')
          .run(repository, tag, image.manifestDigest, THEN_MS);
        facts.set(`/v2/${repository}/manifests/${tag}`, image.manifestDigest);
        facts.set(`/v2/${repository}/manifests/${image.manifestDigest}`, image.manifestDigest);
      }
    }
  } finally {
    database.close();
  }
  return facts;
};
