/** What a Basic header shows. */
export interface Credentials {
  readonly name: string;
  readonly password: string;
}

/** Name and password of a Basic header (RFC 7617). */
export const parseBasic = (header: string | undefined): Credentials | undefined => {
  const match = /^Basic +([A-Za-z0-9+/=_-]+)$/i.exec(header ?? '');
  const text = Buffer.from(match?.[1] ?? '', 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 1 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) };
};

/** The token of a Bearer header (RFC 6750). */
export const parseBearer = (header: string | undefined): string | undefined =>
  /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(header ?? '')?.[1];
