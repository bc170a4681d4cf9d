import { readFileSync } from 'node:fs';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import type { HttpClientOptions } from './types.ts';

const environmentBundle = (): readonly string[] => {
  const path = process.env.SSL_CERT_FILE;
  if (path === undefined || path === '') return [];
  try {
    return [readFileSync(path, 'utf8')];
  } catch {
    return [];
  }
};

let systemAuthorities: readonly string[] | undefined;

/** Node's own authorities, NODE_EXTRA_CA_CERTS, the system's store and SSL_CERT_FILE; read once, when first used. */
const trustedAuthorities = (): readonly string[] => {
  systemAuthorities ??= [
    ...new Set([...getCACertificates('default'), ...getCACertificates('system'), ...environmentBundle()]),
  ];
  return systemAuthorities;
};

/** The TLS side of a client; made once for each client, because parsing the authorities costs tens of milliseconds. */
export const createTrust = (options: HttpClientOptions): SecureContext => {
  const { ca, cert, key } = options;
  return createSecureContext({
    ca: [...trustedAuthorities(), ...(ca === undefined ? [] : [ca].flat())],
    ...(cert === undefined ? {} : { cert: [cert].flat() }),
    ...(key === undefined ? {} : { key: [key].flat() }),
  });
};
