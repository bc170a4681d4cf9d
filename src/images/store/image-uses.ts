import type { Database, Row } from '#database';
import type { ImageId } from '#oci';
import type { ImageRecords } from './types.ts';

/** A use is written down again only after this long, so that frequent uses cost nothing. */
const RESOLUTION_MS = 10 * 60 * 1000;

/** When images were used. What cannot be written is no reason to fail: the order of use is a hint. */
export const createImageUses = (database: Database): Pick<ImageRecords, 'touch' | 'uses'> => {
  const written = new Map<ImageId, number>();
  return {
    touch(id) {
      const now = Date.now();
      if (now - (written.get(id) ?? 0) < RESOLUTION_MS) return;
      written.set(id, now);
      const sql = `INSERT INTO image_uses (image, used_at) SELECT id, ? FROM images WHERE id = ?
                   ON CONFLICT (image) DO UPDATE SET used_at = excluded.used_at`;
      database.write([{ sql, params: [now, id] }], { durable: false }).catch(() => written.delete(id));
    },
    uses: () =>
      new Map(
        database
          .all<Row & { image: ImageId; used_at: number }>('SELECT image, used_at FROM image_uses')
          .map((row) => [row.image, row.used_at]),
      ),
  };
};
