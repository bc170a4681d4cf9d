import { createHmac } from 'node:crypto';

/** Header with the signature of a body. */
export const SIGNATURE_HEADER = 'X-Lade-Signature';

/**
 * `t=SECONDS,v1=HEX[,v1=HEX]`: HMAC-SHA256 over `SECONDS.BODY` with each secret. Receivers accept one of them that fits,
 * and no time that is long ago.
 */
export const signatureOf = (secrets: readonly string[], seconds: number, body: string): string =>
  [
    `t=${seconds}`,
    ...secrets.map(
      (secret) => `v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`,
    ),
  ].join(',');
