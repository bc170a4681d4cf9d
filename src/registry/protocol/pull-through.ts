import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { ByteRange } from '#blobs';
import type { Route } from './routes.ts';
import { nameSource } from './source-host.ts';
import type { Freshness, IncomingBlob, PullThrough } from './types.ts';

export interface RouteContext {
  readonly method: string;
  readonly query: URLSearchParams;
  readonly response: ServerResponse;
}

const isPull = (route: Route, method: string): boolean =>
  (method === 'GET' || method === 'HEAD') && 'repository' in route && route.kind !== 'upload';

/**
 * The route by the names of this registry: `?ns=` and a fallback turn names of other registries into such, where this
 * registry stands for others; then OCI-Namespace says for which. Pushes to copies are refused.
 */
export const localRoute = (
  route: Route,
  { method, query, response }: RouteContext,
  upstreams: PullThrough | undefined,
): Route => {
  if (upstreams === undefined || !('repository' in route)) {
    nameSource(response, method, query);
    return route;
  }
  if (!isPull(route, method)) {
    if (method !== 'DELETE' && upstreams.covers(route.repository)) upstreams.refusePush(route.repository);
    return route;
  }
  const namespace = query.get('ns') ?? undefined;
  // Who pushes asks for blobs as well: what is elsewhere would be taken for being here.
  if (
    namespace === undefined &&
    route.kind === 'blob' &&
    method === 'HEAD' &&
    !upstreams.covers(route.repository)
  )
    return route;
  const repository = upstreams.localName(route.repository, namespace);
  if (upstreams.covers(repository)) response.setHeader('OCI-Namespace', upstreams.namespaceOf(repository));
  return { ...route, repository };
};

/** Tells of content that could not be checked to be what its registry has now (distribution-spec, "Warnings"). */
export const warnOfStale = (response: ServerResponse, { stale }: Freshness): void => {
  if (stale === undefined) return;
  const text = stale.replaceAll(/[^\u0020-\u007e]|["\\]/g, ' ').slice(0, 1000);
  response.setHeader('Warning', `299 - "this is what was here before: ${text}"`);
};

/** Sends a blob while it comes; a failure cuts the connection. */
export const sendIncoming = async (
  response: ServerResponse,
  blob: IncomingBlob,
  range: ByteRange,
): Promise<void> => {
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  response.once('close', leave);
  try {
    await pipeline(blob.read(range, gone.signal), response);
  } catch {
    response.destroy();
  } finally {
    response.off('close', leave);
  }
};
