import { hash } from 'node:crypto';
import type { TagMove } from './tag-history-types.ts';

/** Stands for the hash before the first entry. */
export const CHAIN_START = '0'.repeat(64);

/**
 * The canonical text of an entry: a JSON array without blanks of id, time (milliseconds), repository, tag, digest before,
 * digest since, reason, actor, address, client, request id and the previous hash; `null` where there is none. UTF-8, only
 * `"`, `\` and control characters are escaped. The entry's hash is the SHA-256 of this text in hexadecimal.
 */
const chainText = (move: TagMove): string =>
  JSON.stringify([
    move.id,
    move.atMs,
    move.repository,
    move.tag,
    move.from ?? null,
    move.to ?? null,
    move.reason,
    move.actor,
    move.address ?? null,
    move.client ?? null,
    move.requestId ?? null,
    move.previous,
  ]);

/** What the entry's hash has to be. */
export const chainHash = (move: TagMove): string => hash('sha256', chainText(move), 'hex');
