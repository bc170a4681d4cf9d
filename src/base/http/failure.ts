import { isLadeError, systemErrors, type LadeError } from '#errors';
import { httpErrors } from './errors.ts';

const untrusted =
  /^(CERT_|ERR_TLS_CERT|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/;
const clientRefused =
  /^ERR_SSL_.*ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_(UNKNOWN|EXPIRED|REVOKED))$/;
const lost = new Set([
  'ECONNRESET',
  'EPIPE',
  'UND_ERR_SOCKET',
  'ERR_STREAM_PREMATURE_CLOSE',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
]);
const slow = new Set([
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);

const codesOf = (error: unknown): readonly string[] => {
  if (!(error instanceof Error)) return [];
  const own = 'code' in error && typeof error.code === 'string' ? [error.code] : [];
  const within = error instanceof AggregateError ? error.errors.flatMap(codesOf) : [];
  return [...own, ...within, ...codesOf(error.cause)];
};

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.message === '') return reasonOf(error.errors[0]);
  return error.message === '' ? error.name : error.message;
};

/** What a transport threw, as an error of this room; `target` names the server without credentials. */
export const connectionFailure = (error: unknown, target: string, signal?: AbortSignal): LadeError => {
  if (isLadeError(error)) return error;
  if (signal?.aborted === true) {
    if (isLadeError(signal.reason)) return signal.reason;
    return systemErrors.cancelled({ message: `request to ${target}` }, error);
  }
  const codes = codesOf(error);
  const params = { target, reason: reasonOf(error) };
  if (codes.some((code) => untrusted.test(code))) return httpErrors.untrustedCertificate(params, error);
  if (codes.some((code) => clientRefused.test(code))) return httpErrors.clientRefused(params, error);
  if (codes.some((code) => code === 'EPROTO' || code.startsWith('ERR_SSL_')))
    return httpErrors.notTls(params, error);
  if (codes.some((code) => slow.has(code))) return httpErrors.timedOut(params, error);
  if (codes.some((code) => lost.has(code))) return httpErrors.connectionLost(params, error);
  return httpErrors.unreachable(params, error);
};
