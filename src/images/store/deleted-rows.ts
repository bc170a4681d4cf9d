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
  /** Inserts the row again unless its place is taken or something that it points to is gone. */
  bringBack(row: DeletedRow): Statement;
}

const quoted = (place: Place): string => place.columns.map((column) => `"${column}"`).join(', ');

const REFERENCES = 'image_references';

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
    bringBack({ place: name, content }) {
      const place = placeOf(name);
      const values = JSON.parse(content) as Readonly<Record<string, SqlValue>>;
      const needs = place.needs.filter(({ column }) => (values[column] ?? null) !== null);
      const there = needs.map(({ table, to }) => `EXISTS (SELECT 1 FROM ${table} WHERE ${to} = ?)`);
      return {
        sql: `INSERT OR IGNORE INTO ${name} (${quoted(place)})
              SELECT ${place.columns.map(() => '?').join(', ')} WHERE ${['true', ...there].join(' AND ')}`,
        params: [
          ...place.columns.map((column) => values[column] ?? null),
          ...needs.map(({ column }) => values[column] ?? null),
        ],
      };
    },
  };
};
