import type { Digest } from '#oci';

/** What a backup folder says of itself in `backup.json`. */
export interface BackupRecord {
  readonly format: 1;
  readonly id: string;
  readonly createdMs: number;
  /** File of the metadata, and its SHA-256. */
  readonly snapshot: string;
  readonly snapshotDigest: Digest;
  readonly blobs: number;
  readonly bytes: number;
}

/** How a backup or a restoration goes. */
export type BackupEvent =
  | { readonly kind: 'snapshot'; readonly id: string; readonly blobs: number; readonly bytes: number }
  | {
      readonly kind: 'progress';
      readonly blobs: number;
      readonly bytes: number;
      /** Blobs that were there before. */
      readonly present: number;
    }
  | {
      readonly kind: 'done';
      readonly id: string;
      readonly blobs: number;
      readonly bytes: number;
      readonly present: number;
      /** Until then nothing that the snapshot names is removed; absent when all of it is copied. */
      readonly heldUntilMs?: number | undefined;
    };

export interface BackupOptions {
  /** Writes the metadata and the list of blobs only, and holds these: something else copies the files. */
  readonly listOnly?: boolean | undefined;
  /** Milliseconds that a hold lasts; default one day. */
  readonly holdMs?: number | undefined;
  readonly emit: (event: BackupEvent) => void;
  readonly signal: AbortSignal;
}
