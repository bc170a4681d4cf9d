import { createHash } from 'node:crypto';
import type { JournalEntry } from '#metadata';

/** Media type of an envelope. */
export const ENVELOPE_TYPE = 'application/vnd.docker.distribution.events.v2+json';

/** One event as distribution's notifications tell it. */
export interface DistributionEvent {
  readonly id: string;
  readonly timestamp: string;
  readonly action: string;
  readonly target: {
    readonly mediaType?: string | undefined;
    readonly size?: number | undefined;
    readonly digest?: string | undefined;
    readonly length?: number | undefined;
    readonly repository?: string | undefined;
    readonly fromRepository?: string | undefined;
    readonly url?: string | undefined;
    readonly tag?: string | undefined;
  };
  readonly request: {
    readonly id: string;
    readonly addr?: string | undefined;
    readonly host?: string | undefined;
    readonly method: string;
    readonly useragent: string;
  };
  readonly actor: { readonly name?: string | undefined };
  readonly source: { readonly addr: string; readonly instanceID: string };
}

/** Who sends events. */
export interface EventSource {
  /** `HOST:PORT` of the registry. */
  readonly address: string;
  /** The registry's identity. */
  readonly instance: string;
}

const BLOB_TYPE = 'application/octet-stream';

/** The same UUID for the same entry, so that receivers recognise what comes twice. */
const idOf = (instance: string, id: number): string => {
  const bytes = createHash('sha256').update(`${instance}/${id}`).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
};

const urlOf = ({ cause, repository = '', digest, mediaType }: JournalEntry): string | undefined => {
  if (cause.host === undefined || digest === undefined) return undefined;
  const kind = mediaType === undefined ? 'blobs' : 'manifests';
  return `${cause.secure === true ? 'https' : 'http'}://${cause.host}/v2/${repository}/${kind}/${digest}`;
};

/** What is deleted is named only: a tag, or a digest. */
const targetOf = (entry: JournalEntry): DistributionEvent['target'] => {
  const { action, repository, tag, digest, size, mediaType = BLOB_TYPE, from } = entry;
  if (action === 'delete') return tag === undefined ? { digest, repository } : { repository, tag };
  return {
    mediaType,
    size,
    digest,
    length: size,
    repository,
    ...(from === undefined ? {} : { fromRepository: from }),
    url: urlOf(entry),
    tag,
  };
};

/** A journal entry as an event of distribution. */
export const eventOf = (entry: JournalEntry, { address, instance }: EventSource): DistributionEvent => {
  const { cause, id, atMs, action } = entry;
  return {
    id: idOf(instance, id),
    timestamp: new Date(atMs).toISOString(),
    action,
    target: targetOf(entry),
    request: {
      id: cause.requestId ?? '',
      addr: cause.address,
      host: cause.host,
      method: cause.method ?? '',
      useragent: cause.client ?? '',
    },
    actor: cause.actor === 'anonymous' ? {} : { name: cause.actor },
    source: { addr: address, instanceID: instance },
  };
};
