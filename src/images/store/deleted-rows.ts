import type { Database, Row, SqlValue, Statement } from '#database';
import type { ImageId } from '#oci';

/** A table whose rows go with an image, and so come back with it. */
interface Place {
  readonly name: string;
  /** The column that names the image. */
  readonly key: string;
  readonly columns: readonly string[];
  /** What else its rows point to, which must be there for a row to come back. */
  readonly needs: readonly { readonly column: string; readonly table: string; readonly to: string }[];
}

type KeyRow = Row & { place: string; column: string; target: string; to: string };
type ColumnRow = Row & { place: string; column: string };

const IMAGES = 'images';
const REFERENCES = 'image_references';

/** Every table that hangs on `images`, the table itself first; whatever rooms add to an image is kept with it. */
const readPlaces = (database: Database): readonly Place[] => {
  const keys = database.all<KeyRow>(
    `SELECT m.name AS place, f."from" AS "column", f."table" AS target, f."to" AS "to"
     FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table'`,
  );
  const columns = Map.groupBy(
    database.all<ColumnRow>(
      `SELECT m.name AS place, c.name AS "column" FROM sqlite_master AS m, pragma_table_info(m.name) AS c
       WHERE m.type = 'table' ORDER BY m.name, c.cid`,
    ),
    (row) => row.place,
  );
  const place = (name: string, key: string): Place => ({
    name,
    key,
    columns: (columns.get(name) ?? []).map((row) => row.column),
    needs: keys
      .filter((row) => row.place === name)
      .map(({ column, target: table, to }) => ({ column, table, to })),
  });
  const dependents = keys.filter((row) => row.target === IMAGES);
  return [place(IMAGES, 'id'), ...dependents.map((row) => place(row.place, row.column))];
};

const asJson = ({ columns }: Place): string =>
  `json_object(${columns.map((column) => `'${column}', ${column}`).join(', ')})`;

/** Copies all rows of an image, or those that `condition` chooses of one table, into a deletion. */
const copyStatement = (
  place: Place,
  target: { readonly deletion: string; readonly column: string; readonly value: string },
): Statement => ({
  sql: `INSERT INTO deleted_rows (deletion, image, place, content)
        SELECT ?, ${place.key}, '${place.name}', ${asJson(place)} FROM ${place.name} WHERE ${target.column} = ?`,
  params: [target.deletion, target.value],
});

export interface DeletedRow {
  readonly position: number;
  readonly image: ImageId;
  readonly place: string;
  readonly content: string;
}

/** Takes rows out of and brings them back into the tables of images. */
export interface DeletedRows {
  /** Copies everything that says something about an image. */
  keepImage(deletion: string, image: ImageId): readonly Statement[];
  keepReference(deletion: string, reference: string): readonly Statement[];
  /** Inserts each row again unless its place is taken or something that it points to is gone. */
  bringBack(which: ChosenRows): readonly Statement[];
  forget(which: ChosenRows): Statement;
}

/** Rows of one deletion, of one image or of all, as they were when they were looked at. */
export interface ChosenRows {
  readonly deletion: string;
  readonly image: ImageId | undefined;
  /** The last position. */
  readonly last: number;
}

/** Condition over `deleted_rows` with three parameters. */
export const CHOSEN = 'kept.deletion = ?1 AND kept.image = coalesce(?2, kept.image) AND kept.position <= ?3';

export const paramsOf = ({ deletion, image, last }: ChosenRows): readonly SqlValue[] => [
  deletion,
  image ?? null,
  last,
];

const valueOf = (column: string): string => `json_extract(kept.content, '$."${column}"')`;

const isThere = ({ column, table, to }: Place['needs'][number]): string =>
  `AND (${valueOf(column)} IS NULL OR EXISTS (SELECT 1 FROM ${table} WHERE ${to} = ${valueOf(column)}))`;

/** Images before what points to them, names last. */
const restoredFirst = (places: readonly Place[]): readonly Place[] => {
  const rank = ({ name }: Place): number => (name === IMAGES ? 0 : name === REFERENCES ? 2 : 1);
  return places.toSorted((a, b) => rank(a) - rank(b));
};

const quoted = (place: Place): string => place.columns.map((column) => `"${column}"`).join(', ');

export const createDeletedRows = (database: Database): DeletedRows => {
  const places = new Map(readPlaces(database).map((place) => [place.name, place]));
  const placeOf = (name: string): Place => {
    const place = places.get(name);
    if (place === undefined) throw new TypeError(`no table ${name}`);
    return place;
  };
  return {
    keepImage: (deletion, image) =>
      [...places.values()].map((place) =>
        copyStatement(place, { deletion, column: place.key, value: image }),
      ),
    keepReference: (deletion, reference) => [
      copyStatement(placeOf(REFERENCES), { deletion, column: 'reference', value: reference }),
    ],
    bringBack: (which) =>
      restoredFirst([...places.values()]).map((place) => ({
        sql: `INSERT OR IGNORE INTO ${place.name} (${quoted(place)})
              SELECT ${place.columns.map(valueOf).join(', ')} FROM deleted_rows AS kept
              WHERE ${CHOSEN} AND place = '${place.name}' ${place.needs.map(isThere).join(' ')} ORDER BY position`,
        params: paramsOf(which),
      })),
    forget: (which) => ({ sql: `DELETE FROM deleted_rows AS kept WHERE ${CHOSEN}`, params: paramsOf(which) }),
  };
};
