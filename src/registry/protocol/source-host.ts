import type { ServerResponse } from 'node:http';

const HOST = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::\d{1,5})?$/i;

/**
 * Answers `?ns=HOST` of a pull with OCI-Namespace (distribution-spec, "Registry Proxying"): the names here mean the same
 * whatever host the client wrote before them.
 */
export const nameSource = (response: ServerResponse, method: string, query: URLSearchParams): void => {
  const host = query.get('ns');
  if (host === null || (method !== 'GET' && method !== 'HEAD') || !HOST.test(host)) return;
  response.setHeader('OCI-Namespace', host);
};
