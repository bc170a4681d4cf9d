import { createHash } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mount, MS, umount } from '#sys';

/** Files in memory that only one step sees; gone when disposed. */
export interface SecretFiles extends Disposable {
  /** Writes a file for a target and returns its path on this machine. */
  write(target: string, bytes: Uint8Array, owner: FileOwner): string;
}

export interface FileOwner {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

const FLAGS = MS.NOSUID | MS.NODEV | MS.NOEXEC;
const NAME_DIGITS = 16;

/** Mounts a tmpfs at `directory`/secrets with the first file. */
export const openSecretFiles = (directory: string): SecretFiles => {
  const place = join(directory, 'secrets');
  let mounted = false;
  const open = (): void => {
    if (mounted) return;
    mkdirSync(place, { mode: 0o700 });
    mount('lade-secrets', place, 'tmpfs', FLAGS, 'mode=0700');
    mounted = true;
    mount('none', place, undefined, MS.PRIVATE);
  };
  return {
    write(target, bytes, { mode, uid, gid }) {
      open();
      const path = join(place, createHash('sha256').update(target).digest('hex').slice(0, NAME_DIGITS));
      writeFileSync(path, bytes, { mode: 0o400 });
      chownSync(path, uid, gid);
      chmodSync(path, mode);
      return path;
    },
    [Symbol.dispose]() {
      if (mounted) umount(place, { detach: true });
      mounted = false;
    },
  };
};
