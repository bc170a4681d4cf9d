import type { TarKind } from '#tar';
import { readAccessList } from './access-list.ts';

const ACCESS = 'system.posix_acl_access';
const DEFAULT = 'system.posix_acl_default';

/** The kernel's limits (linux/limits.h); EROFS counts a value's bytes in 16 bits. */
const MAX_NAME = 255;
const MAX_VALUE = 65_535;

/** What overlay and Lade keep for themselves, or the host's security module does, must not come from an image. */
const RESERVED = ['trusted.overlay.', 'user.overlay.', 'trusted.lade.'];
const isReserved = (name: string): boolean =>
  name === 'security.selinux' || RESERVED.some((prefix) => name.startsWith(prefix));

/** Namespaces that a file system can keep; others are left out, as it would. */
const NAMESPACE = /^(?:user|trusted|security)\./;

interface File {
  readonly kind: TarKind;
  readonly mode: number;
}

interface Kept {
  readonly mode: number;
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

/** Only files and directories have attributes of users (xattr(7)). */
const canHave = (kind: TarKind, name: string): boolean =>
  !name.startsWith('user.') || kind === 'file' || kind === 'directory';

const refusal = (name: string, value: Buffer): string | undefined => {
  if (/^(?:user|trusted|security)\.$/.test(name)) return `its attribute "${name}" has no name`;
  if (Buffer.byteLength(name) > MAX_NAME) return 'the name of an attribute is longer than 255 bytes';
  return value.length > MAX_VALUE ? `its attribute ${name} is larger than ${MAX_VALUE} bytes` : undefined;
};

/**
 * The extended attributes of an entry that its file gets, and the mode it then has: an access list decides over the
 * permission bits. A string says why they cannot be kept.
 */
export const keptXattrs = (xattrs: ReadonlyMap<string, Buffer>, file: File): Kept | string => {
  const kept = new Map<string, Buffer>();
  let { mode } = file;
  for (const [name, value] of xattrs) {
    if (name === ACCESS || name === DEFAULT) {
      if (file.kind === 'symlink') continue;
      const list = readAccessList(value);
      if (list === undefined) return `its access list (${name}) is malformed`;
      if (name === DEFAULT && file.kind !== 'directory')
        return 'it has a default access list but is no directory';
      if (list.empty) continue;
      if (name === ACCESS) mode = (mode & ~0o777) | list.bits;
      if (name === DEFAULT || !list.plain) kept.set(name, value);
      continue;
    }
    if (!NAMESPACE.test(name) || isReserved(name) || name.includes('\0')) continue;
    const reason = refusal(name, value);
    if (reason !== undefined) return reason;
    if (canHave(file.kind, name)) kept.set(name, value);
  }
  return { mode, xattrs: kept };
};
