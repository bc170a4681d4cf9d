import { accessErrors, cookieValue, SESSION_COOKIE, setCookie, SIGN_IN_COOKIE, type SignIn } from '#access';
import { incoming } from '#http';
import { accessRequest, factsOf } from '#protocol';
import * as z from 'zod';
import { bodyOf } from './request.ts';
import type { AdminRoutes } from './types.ts';

/** The cookie of a session is for the administration and its control panel, not for the protocol. */
const SESSION_PATH = '/lade';
const SIGN_IN_PATH = '/lade/v1/registry/oidc';
const SIGN_IN_SECONDS = 600;

const exchangeBody = z.strictObject({ token: z.string().min(1) });

/**
 * `/oidc/login`, `/oidc/callback`, `/oidc/logout` for people in a browser, and `/oidc/exchange` for workloads, which have
 * a token of an issuer that is trusted and get a short one of this registry.
 */
export const signInRoutes: AdminRoutes = (app, { access }) => {
  const provider = (): SignIn => {
    if (access.signIn === undefined) throw accessErrors.signInUnknown({});
    return access.signIn;
  };

  app.get('/oidc/login', async (c) => {
    const request = incoming(c);
    const { location, state } = await provider().begin(accessRequest(request), c.req.query('return'));
    const { secure } = factsOf(request);
    const cookie = { path: SIGN_IN_PATH, secure, maxAgeSeconds: SIGN_IN_SECONDS };
    c.header('Set-Cookie', setCookie(SIGN_IN_COOKIE, state, cookie));
    c.header('Cache-Control', 'no-store');
    return c.redirect(location, 302);
  });

  app.get('/oidc/callback', async (c) => {
    const request = incoming(c);
    const state = cookieValue(request.headers.cookie, SIGN_IN_COOKIE);
    const done = await provider().finish(new URL(c.req.url).searchParams, state);
    const { secure } = factsOf(request);
    const maxAgeSeconds = Math.floor(done.lifetimeMs / 1_000);
    c.header(
      'Set-Cookie',
      setCookie(SESSION_COOKIE, done.session, { path: SESSION_PATH, secure, maxAgeSeconds }),
    );
    const gone = setCookie(SIGN_IN_COOKIE, '', { path: SIGN_IN_PATH, secure, maxAgeSeconds: 0 });
    c.header('Set-Cookie', gone, { append: true });
    c.header('Cache-Control', 'no-store');
    return c.redirect(done.returnTo, 302);
  });

  app.post('/oidc/logout', async (c) => {
    const request = incoming(c);
    const session = cookieValue(request.headers.cookie, SESSION_COOKIE);
    if (session !== undefined) await access.signIn?.signOut(session);
    const { secure } = factsOf(request);
    c.header('Set-Cookie', setCookie(SESSION_COOKIE, '', { path: SESSION_PATH, secure, maxAgeSeconds: 0 }));
    return c.body(null, 204);
  });

  app.post('/oidc/exchange', async (c) => {
    const { token } = await bodyOf(c, exchangeBody);
    if (access.exchange === undefined) throw accessErrors.unauthorized({});
    c.header('Cache-Control', 'no-store');
    return c.json(await access.exchange.exchange(token, accessRequest(incoming(c)).address));
  });
};
