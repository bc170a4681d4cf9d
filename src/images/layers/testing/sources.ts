import type { TarSource } from '#tar';

/** A time with all nine digits of its fraction. */
export const T = 1_600_000_000_123_456_789n;

export const dir = (path: string, extra: Partial<TarSource> = {}): TarSource => ({
  path,
  kind: 'directory',
  mode: 0o755,
  mtimeNs: T,
  ...extra,
});

export const file = (path: string, text: string, extra: Partial<TarSource> = {}): TarSource => ({
  path,
  kind: 'file',
  mode: 0o644,
  mtimeNs: T,
  content: Buffer.from(text),
  ...extra,
});

export const link = (path: string, linkName: string, extra: Partial<TarSource> = {}): TarSource => ({
  path,
  kind: 'symlink',
  linkName,
  mtimeNs: T,
  ...extra,
});

export const hard = (path: string, linkName: string, extra: Partial<TarSource> = {}): TarSource => ({
  path,
  kind: 'hardlink',
  linkName,
  mode: 0o644,
  mtimeNs: T,
  ...extra,
});

/** The whiteout of a path. */
export const gone = (path: string): TarSource => file(path.replace(/([^/]*)$/, '.wh.$1'), '');

export const opaque = (path: string): TarSource =>
  file(path === '' ? '.wh..wh..opq' : `${path}/.wh..wh..opq`, '');

export const root = dir('.');
