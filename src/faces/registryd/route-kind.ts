/** What a request is about, in few words: a label that cannot grow with what clients send. */
export type RouteKind =
  | 'base'
  | 'catalog'
  | 'manifest'
  | 'blob'
  | 'upload'
  | 'tags'
  | 'referrers'
  | 'administration'
  | 'health'
  | 'other';

const byLastPart: Readonly<Record<string, RouteKind>> = {
  manifests: 'manifest',
  blobs: 'blob',
  uploads: 'upload',
  referrers: 'referrers',
};

const contentKind = (path: string): RouteKind => {
  if (path.endsWith('/tags/list')) return 'tags';
  if (path.endsWith('/blobs/uploads/') || path.endsWith('/blobs/uploads')) return 'upload';
  const last = path.lastIndexOf('/');
  const before = path.lastIndexOf('/', last - 1);
  return byLastPart[path.slice(before + 1, last)] ?? 'other';
};

/** The kind of a path without its query. */
export const routeKind = (path: string): RouteKind => {
  if (path.startsWith('/v2/') || path === '/v2') {
    if (path.length <= '/v2/'.length) return 'base';
    return path === '/v2/_catalog' ? 'catalog' : contentKind(path);
  }
  if (path.startsWith('/lade/')) return 'administration';
  return path === '/healthz' || path === '/readyz' || path === '/metrics' ? 'health' : 'other';
};

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** A method as a label. */
export const methodLabel = (method: string | undefined): string =>
  method !== undefined && METHODS.has(method) ? method : 'other';
