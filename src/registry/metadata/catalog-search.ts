import type { Database, Row, SqlValue } from '#database';
import type { Digest } from '#oci';
import type { CatalogStore, FoundImage } from './catalog-types.ts';
import type { Page } from './types.ts';

/** Places of the manifests that `chosen` gives the digests of, page by page by `repository@digest`. */
const placesQuery = (chosen: string): string => `
  SELECT m.repository, m.digest,
    (SELECT json_group_array(name) FROM (
      SELECT name FROM tags WHERE repository = m.repository AND digest = m.digest ORDER BY name)) AS tags
  FROM manifests AS m WHERE m.digest IN (${chosen}) AND m.repository || '@' || m.digest > ?1
  ORDER BY m.repository || '@' || m.digest LIMIT ?2`;

const foundOf = (row: Row): FoundImage => ({
  repository: String(row['repository']),
  digest: String(row['digest']) as Digest,
  tags: JSON.parse(String(row['tags'])) as readonly string[],
});

/** Images whose first layers are exactly those of the base, and that have more. */
const ON_BASE = `
  SELECT last.manifest FROM image_layers AS last
  WHERE last.layer = (SELECT layer FROM image_layers WHERE manifest = ?3 ORDER BY position DESC LIMIT 1)
  AND last.position = (SELECT max(position) FROM image_layers WHERE manifest = ?3)
  AND EXISTS (SELECT 1 FROM image_layers WHERE manifest = last.manifest AND position = last.position + 1)
  AND NOT EXISTS (
    SELECT 1 FROM image_layers AS base JOIN image_layers AS own
    ON own.manifest = last.manifest AND own.position = base.position
    WHERE base.manifest = ?3 AND own.layer <> base.layer)
  UNION SELECT manifest FROM image_facts WHERE base_digest = ?3`;

/** Which images have, or stand on, something. */
export const createCatalogSearch = (database: Database) => {
  const find = (chosen: string, { after, limit }: Page, ...params: readonly SqlValue[]) =>
    database.all(placesQuery(chosen), after, limit, ...params).map(foundOf);
  return {
    imagesWithLayer: (digest: string, page: Page) =>
      find('SELECT manifest FROM image_layers WHERE layer = ?3 OR diff_id = ?3', page, digest),
    imagesOnBase: (manifest: Digest, page: Page) => find(ON_BASE, page, manifest),
    imagesWithLabel: (name: string, value: string | undefined, page: Page) =>
      find(
        'SELECT manifest FROM image_labels WHERE name = ?3 AND (?4 IS NULL OR value = ?4)',
        page,
        name,
        value ?? null,
      ),
    imagesWithDigest: (digest: string, page: Page) => find('SELECT ?3', page, digest),
  } satisfies Partial<CatalogStore>;
};
