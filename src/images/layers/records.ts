import type { Database } from '#database';
import { parseDiffId, type DiffId } from '#oci';
import type { LayerInfo, SnapshotKind } from './types.ts';

export interface LayerRecord extends LayerInfo {
  /** Its form is made for each stack, because it depends on the layers below. */
  readonly dependent: boolean;
}

/** A layer whose maker builds on it already. */
export interface ComingLayer extends LayerRecord {
  /** Where it lies as long as it is being made durable; in its place when absent. */
  readonly staging?: string | undefined;
  /** Settles when it is in its place, or never will be. */
  readonly placed?: Promise<unknown> | undefined;
}

export interface SnapshotRecord {
  readonly id: string;
  readonly kind: SnapshotKind;
  readonly layers: readonly DiffId[];
}

/** The rows of this room, kept in memory as well so that nothing on the run path waits for a query. */
export interface LayerRecords {
  readonly layers: ReadonlyMap<DiffId, LayerRecord>;
  /** Complete, but not yet recorded: whoever made them builds on them already, nobody else sees them. */
  readonly coming: ReadonlyMap<DiffId, ComingLayer>;
  readonly snapshots: ReadonlyMap<string, SnapshotRecord>;
  /** Makes a layer `coming` that is still being made durable, or no longer. */
  expectLayer(record: ComingLayer): void;
  /** It will not come. */
  giveUpLayer(diffId: DiffId): void;
  /** From now on it is `coming`, and one of `layers` once it is written. */
  addLayer(record: LayerRecord): Promise<void>;
  deleteLayer(diffId: DiffId): Promise<void>;
  addSnapshot(record: SnapshotRecord): Promise<void>;
  deleteSnapshot(id: string): Promise<void>;
}

interface LayerRow extends Record<string, string | number> {
  diff_id: string;
  size: number;
  form: string;
}

interface SnapshotRow extends Record<string, string> {
  id: string;
  kind: string;
  layers: string;
}

const readLayers = (database: Database): Map<DiffId, LayerRecord> => {
  const rows = database.all<LayerRow>('SELECT diff_id, size, form FROM layers ORDER BY created_ms, diff_id');
  return new Map(
    rows.map((row) => {
      const diffId = parseDiffId(row.diff_id);
      return [diffId, { diffId, size: row.size, dependent: row.form === 'dependent' }];
    }),
  );
};

const readSnapshots = (database: Database): Map<string, SnapshotRecord> => {
  const rows = database.all<SnapshotRow>('SELECT id, kind, layers FROM snapshots ORDER BY created_ms, id');
  return new Map(
    rows.map(({ id, kind, layers }) => [
      id,
      {
        id,
        kind: kind === 'build' ? 'build' : 'container',
        layers: layers.split(' ').filter(Boolean).map(parseDiffId),
      },
    ]),
  );
};

/** A build does not go on after its daemon, and what is left of it is swept. */
const survives = ({ kind }: SnapshotRecord): boolean => kind !== 'build';

export const openLayerRecords = (database: Database): LayerRecords => {
  const layers = readLayers(database);
  const snapshots = readSnapshots(database);
  const coming = new Map<DiffId, ComingLayer>();
  return {
    layers,
    coming,
    snapshots,
    expectLayer: (record) => void coming.set(record.diffId, record),
    giveUpLayer: (diffId) => void coming.delete(diffId),
    async addLayer(record) {
      const { diffId, size, dependent } = record;
      const sql = `INSERT INTO layers (diff_id, size, form, created_ms) VALUES (?, ?, ?, ?)
                   ON CONFLICT (diff_id) DO UPDATE SET size = excluded.size, form = excluded.form`;
      const params = [diffId, size, dependent ? 'dependent' : 'alone', Date.now()];
      coming.set(diffId, record);
      try {
        // Whatever refers to the layer is written after it, and durable.
        await database.write([{ sql, params }], { durable: false });
        layers.set(diffId, record);
      } finally {
        coming.delete(diffId);
      }
    },
    async deleteLayer(diffId) {
      const record = layers.get(diffId);
      layers.delete(diffId);
      try {
        await database.write([{ sql: 'DELETE FROM layers WHERE diff_id = ?', params: [diffId] }]);
      } catch (error) {
        // The database did not change: the layer is still there.
        if (record !== undefined) layers.set(diffId, record);
        throw error;
      }
    },
    async addSnapshot(record) {
      const { id, kind } = record;
      snapshots.set(id, record);
      const sql = 'INSERT INTO snapshots (id, kind, layers, created_ms) VALUES (?, ?, ?, ?)';
      try {
        const params = [id, kind, record.layers.join(' '), Date.now()];
        await database.write([{ sql, params }], { durable: survives(record) });
      } catch (error) {
        snapshots.delete(id);
        throw error;
      }
    },
    async deleteSnapshot(id) {
      const record = snapshots.get(id);
      snapshots.delete(id);
      const durable = record === undefined || survives(record);
      await database.write([{ sql: 'DELETE FROM snapshots WHERE id = ?', params: [id] }], { durable });
    },
  };
};
