import type { Database, Row, SqlValue, Statement } from '#database';
import type { Digest } from '#oci';
import type { CatalogStore, ImageFacts, ReadManifest, UnreadManifest } from './catalog-types.ts';

const textOf = (value: SqlValue | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

const factStatements = (manifest: Digest, facts: ImageFacts): readonly Statement[] => [
  {
    sql: `INSERT INTO image_facts SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
          WHERE EXISTS (SELECT 1 FROM manifest_contents WHERE digest = ?1) ON CONFLICT DO NOTHING`,
    params: [
      manifest,
      facts.kind,
      facts.bytes,
      facts.config ?? null,
      facts.os ?? null,
      facts.architecture ?? null,
      facts.variant ?? null,
      facts.createdMs ?? null,
      facts.baseName ?? null,
      facts.baseDigest ?? null,
    ],
  },
  ...facts.layers.map(({ digest, diffId, size }, position) => ({
    sql: `INSERT INTO image_layers SELECT ?, ?, ?, ?, ?
          WHERE EXISTS (SELECT 1 FROM image_facts WHERE manifest = ?1) ON CONFLICT DO NOTHING`,
    params: [manifest, position, digest, diffId ?? null, size],
  })),
  ...Object.entries(facts.labels).map(([name, value]) => ({
    sql: `INSERT INTO image_labels SELECT ?, ?, ?
          WHERE EXISTS (SELECT 1 FROM image_facts WHERE manifest = ?1) ON CONFLICT DO NOTHING`,
    params: [manifest, name, value],
  })),
];

const textStatement = (repository: string, texts: Readonly<Record<string, string>>): Statement => ({
  sql: `INSERT INTO documentation (repository, image) VALUES (?, ?)
        ON CONFLICT (repository) DO UPDATE SET image = excluded.image`,
  params: [repository, JSON.stringify(texts)],
});

const readStatements = ({ id, repository, digest, facts, texts }: ReadManifest): readonly Statement[] => [
  ...(facts === undefined ? [] : factStatements(digest, facts)),
  ...(texts === undefined ? [] : [textStatement(repository, texts)]),
  { sql: 'DELETE FROM unread_manifests WHERE id = ?', params: [id] },
];

const unreadOf = (row: Row): UnreadManifest => ({
  id: Number(row['id']),
  repository: String(row['repository']),
  digest: String(row['digest']) as Digest,
});

const layersOf = (database: Database, manifest: Digest): ImageFacts['layers'] =>
  database
    .all('SELECT layer, diff_id, size FROM image_layers WHERE manifest = ? ORDER BY position', manifest)
    .map((row) => ({
      digest: String(row['layer']) as Digest,
      diffId: textOf(row['diff_id']),
      size: Number(row['size']),
    }));

const labelsOf = (database: Database, manifest: Digest): ImageFacts['labels'] =>
  Object.fromEntries(
    database
      .all('SELECT name, value FROM image_labels WHERE manifest = ? ORDER BY name', manifest)
      .map((row) => [String(row['name']), String(row['value'])]),
  );

const factsOf = (database: Database, manifest: Digest): ImageFacts | undefined => {
  const row = database.get('SELECT * FROM image_facts WHERE manifest = ?', manifest);
  if (row === undefined) return undefined;
  return {
    kind: String(row['kind']) as ImageFacts['kind'],
    bytes: Number(row['bytes']),
    config: textOf(row['config']) as Digest | undefined,
    os: textOf(row['os']),
    architecture: textOf(row['architecture']),
    variant: textOf(row['variant']),
    createdMs: row['created_ms'] === null ? undefined : Number(row['created_ms']),
    baseName: textOf(row['base_name']),
    baseDigest: textOf(row['base_digest']),
    layers: layersOf(database, manifest),
    labels: labelsOf(database, manifest),
  };
};

/** Facts of images, and what has still to be read. */
export const createCatalogFacts = (database: Database) =>
  ({
    unread: (limit: number) =>
      database.all('SELECT * FROM unread_manifests ORDER BY id LIMIT ?', limit).map(unreadOf),
    hasFacts: (manifest: Digest) =>
      database.get('SELECT 1 FROM image_facts WHERE manifest = ?', manifest) !== undefined,
    facts: (manifest: Digest) => factsOf(database, manifest),
    recordFacts: async (manifests: readonly ReadManifest[]) => {
      await database.write(manifests.flatMap(readStatements), { durable: false });
    },
  }) satisfies Partial<CatalogStore>;
