/** What remote sources and sent contexts may take at most. */
export interface SourceLimits {
  /** Bytes of one download, and of what git fetches for one repository. */
  readonly downloadBytes: number;
  /** Bytes of a context or a checkout once its files are written. */
  readonly treeBytes: number;
  /** Files, directories and links of a context or a checkout. */
  readonly treeEntries: number;
  /** Milliseconds that one download or one fetch may take. */
  readonly fetchMs: number;
  /** Milliseconds of silence of a server. */
  readonly idleMs: number;
}

const GIB = 1024 ** 3;

export const DEFAULT_LIMITS: SourceLimits = {
  downloadBytes: 16 * GIB,
  treeBytes: 64 * GIB,
  treeEntries: 4_000_000,
  fetchMs: 60 * 60 * 1000,
  idleMs: 60_000,
};

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

/** A number of bytes as messages show it, such as `16 GiB`. */
export const bytesText = (bytes: number): string => {
  const unit = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  return `${Math.round((bytes / 1024 ** unit) * 10) / 10} ${UNITS[unit] ?? ''}`;
};
