import { accessErrors, retryAfterOf, TOKEN_PATH, type AccessControl, type TokenAnswer } from '#access';
import { toLadeError } from '#errors';
import { incoming, readBody } from '#http';
import { accessRequest, translateError, type ProtocolObserver } from '#protocol';
import { Hono, type Context } from 'hono';

const FORM_BYTES = 64 * 1024;

/** What OAuth2 calls the failure, beside the protocol's own code: clients read one or the other. */
const oauthError = (status: number): string => {
  if (status === 401) return 'invalid_grant';
  return status < 500 ? 'invalid_request' : 'server_error';
};

const answerFailure = (c: Context, thrown: unknown, observer: Pick<ProtocolObserver, 'failed'>): Response => {
  const { status, code } = translateError(thrown);
  const error = toLadeError(thrown);
  const isFault = status >= 500;
  if (isFault) observer.failed?.({ method: c.req.method, path: c.req.path, error: thrown });
  const message = isFault ? 'the registry failed; its log says why' : error.message;
  if (status === 401) c.header('WWW-Authenticate', 'Basic realm="lade registry"');
  if (accessErrors.throttled.is(error)) c.header('Retry-After', String(retryAfterOf(error)));
  const body = {
    errors: [{ code, message, detail: isFault ? {} : { hint: error.hint } }],
    error: oauthError(status),
    error_description: message,
  };
  return c.newResponse(JSON.stringify(body), {
    status: status as 400,
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' },
  });
};

const sendToken = (c: Context, answer: TokenAnswer): Response => {
  c.header('Cache-Control', 'no-store');
  return c.json(answer);
};

/** `/token` (distribution's token specification, by GET and as OAuth2) and its public keys; 404 without tokens. */
export const createTokenRoutes = (
  access: AccessControl,
  observer: Pick<ProtocolObserver, 'failed'> = {},
): Hono => {
  const app = new Hono();
  app.get(TOKEN_PATH, async (c) => {
    const query = new URL(c.req.url).searchParams;
    const answer = await access.tokens?.get(accessRequest(incoming(c)), query);
    return answer === undefined ? c.notFound() : sendToken(c, answer);
  });
  app.post(TOKEN_PATH, async (c) => {
    const form = new URLSearchParams((await readBody(c, FORM_BYTES)).toString('utf8'));
    const answer = await access.tokens?.post(accessRequest(incoming(c)), form);
    return answer === undefined ? c.notFound() : sendToken(c, answer);
  });
  app.get(`${TOKEN_PATH}/keys`, async (c) => {
    const keys = await access.tokens?.keys();
    return keys === undefined ? c.notFound() : c.json(keys);
  });
  app.onError((error, c) => answerFailure(c, error, observer));
  return app;
};
