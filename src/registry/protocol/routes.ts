import type { Digest } from '#oci';
import { parseTarget, requireDigest, requireName, type ManifestTarget } from '#metadata';
import { requireUploadId } from '#blobs';

/** What a path of the protocol means. */
export type Route =
  /** Nothing of the protocol. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'base' }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'blob'; readonly repository: string; readonly digest: Digest }
  | { readonly kind: 'uploads'; readonly repository: string }
  | { readonly kind: 'upload'; readonly repository: string; readonly id: string }
  | { readonly kind: 'manifest'; readonly repository: string; readonly target: ManifestTarget }
  | { readonly kind: 'tags'; readonly repository: string }
  | { readonly kind: 'referrers'; readonly repository: string; readonly digest: Digest };

type Reader = (name: string, last: string) => Route;

/** In this order: a repository may itself be called `a/blobs/uploads`. */
const shapes: readonly (readonly [RegExp, Reader])[] = [
  [/^(.+)\/blobs\/uploads\/?()$/, (name) => ({ kind: 'uploads', repository: requireName(name) })],
  [
    /^(.+)\/blobs\/uploads\/([^/]+)$/,
    (name, last) => ({ kind: 'upload', repository: requireName(name), id: requireUploadId(last) }),
  ],
  [
    /^(.+)\/blobs\/([^/]+)$/,
    (name, last) => ({ kind: 'blob', repository: requireName(name), digest: requireDigest(last) }),
  ],
  [
    /^(.+)\/manifests\/([^/]+)$/,
    (name, last) => ({ kind: 'manifest', repository: requireName(name), target: parseTarget(last) }),
  ],
  [/^(.+)\/tags\/list()$/, (name) => ({ kind: 'tags', repository: requireName(name) })],
  [
    /^(.+)\/referrers\/([^/]+)$/,
    (name, last) => ({ kind: 'referrers', repository: requireName(name), digest: requireDigest(last) }),
  ],
];

const decoded = (path: string): string => {
  try {
    return decodeURIComponent(path);
  } catch {
    return '';
  }
};

/**
 * Reads a raw request path. Every piece is checked before it is used: what comes out is safe in a path or a query.
 *
 * @throws the error of the piece that is malformed
 */
export const parseRoute = (rawPath: string): Route => {
  const path = decoded(rawPath);
  if (path === '/v2' || path === '/v2/') return { kind: 'base' };
  if (path === '/v2/_catalog') return { kind: 'catalog' };
  const rest = path.startsWith('/v2/') ? path.slice('/v2/'.length) : '';
  for (const [shape, read] of shapes) {
    const match = shape.exec(rest);
    if (match !== null) return read(match[1] ?? '', match[2] ?? '');
  }
  return { kind: 'unknown' };
};
