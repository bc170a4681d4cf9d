import type { Database, Row, Statement } from '#database';
import type { Endpoint, IpamConfig, Network, NetworkDriver, PortRequest } from './types.ts';

/** A network as recorded: what is known of it without who is on it. */
export interface NetworkRecord extends Omit<Network, 'endpoints'> {
  /** The range was chosen here and may be chosen again while nobody uses it. */
  readonly chosen: boolean;
}

/** An endpoint as recorded. */
export interface EndpointRecord extends Endpoint {
  readonly hostDevice: string;
  readonly netnsPath: string;
  readonly hostname: string | undefined;
  readonly dns: readonly string[];
  /** What was asked for; `ports` is what was given. */
  readonly requested: readonly PortRequest[];
}

export interface Records {
  readonly networks: readonly NetworkRecord[];
  readonly endpoints: readonly EndpointRecord[];
}

interface NetworkRow extends Row {
  id: string;
  name: string;
  driver: string;
  created: string;
  internal: number;
  attachable: number;
  predefined: number;
  options: string;
  labels: string;
  device: string | null;
  ipam: string | null;
  chosen: number;
}

const networkOf = (row: NetworkRow): NetworkRecord => ({
  id: row.id,
  name: row.name,
  driver: row.driver as NetworkDriver,
  created: new Date(row.created),
  internal: row.internal === 1,
  attachable: row.attachable === 1,
  predefined: row.predefined === 1,
  options: JSON.parse(row.options) as Record<string, string>,
  labels: JSON.parse(row.labels) as Record<string, string>,
  device: row.device ?? undefined,
  ipam: row.ipam === null ? undefined : (JSON.parse(row.ipam) as IpamConfig),
  chosen: row.chosen === 1,
});

/** Everything recorded; endpoints in the order they were attached. */
export const loadRecords = (database: Database): Records => ({
  networks: database.all<NetworkRow>('SELECT * FROM networks ORDER BY created, rowid').map(networkOf),
  endpoints: database
    .all<{ record: string }>('SELECT record FROM network_endpoints ORDER BY rowid')
    .map((row) => JSON.parse(row.record) as EndpointRecord),
});

/** Inserts or updates. */
export const saveNetwork = (record: NetworkRecord): Statement => ({
  sql: `INSERT INTO networks
      (id, name, driver, created, internal, attachable, predefined, options, labels, device, ipam, chosen)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET device = excluded.device, ipam = excluded.ipam`,
  params: [
    record.id,
    record.name,
    record.driver,
    record.created.toISOString(),
    Number(record.internal),
    Number(record.attachable),
    Number(record.predefined),
    JSON.stringify(record.options),
    JSON.stringify(record.labels),
    record.device ?? null,
    record.ipam === undefined ? null : JSON.stringify(record.ipam),
    Number(record.chosen),
  ],
});

export const deleteNetwork = (id: string): Statement => ({
  sql: 'DELETE FROM networks WHERE id = ?',
  params: [id],
});

/** Inserts or updates. */
export const saveEndpoint = (record: EndpointRecord): Statement => ({
  sql: `INSERT INTO network_endpoints (id, network_id, container_id, ip, record) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET record = excluded.record`,
  params: [record.id, record.networkId, record.containerId, record.ip, JSON.stringify(record)],
});

export const deleteEndpoint = (id: string): Statement => ({
  sql: 'DELETE FROM network_endpoints WHERE id = ?',
  params: [id],
});

/**
 * Writes records of endpoints. They outlive this process, but need not outlive the machine, which takes along all that
 * they tell of: `sweep` removes those of containers that do not run.
 */
export const writeEndpoints = async (database: Database, statements: readonly Statement[]): Promise<void> => {
  await database.write(statements, { durable: false });
};
