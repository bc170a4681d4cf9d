import type { HttpResponse } from '#http';
import { distributionErrors } from './errors.ts';

const MAX_REDIRECTS = 6;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** One request of a chain. */
export interface Exchange {
  readonly url: URL;
}

export interface RedirectRules {
  readonly host: string;
  /** Whether a redirect may lead from TLS to plain HTTP. */
  readonly allowPlain: boolean;
}

const nextUrl = (from: URL, response: HttpResponse, rules: RedirectRules): URL | undefined => {
  const location = response.headers.location;
  if (!REDIRECTS.has(response.status) || typeof location !== 'string') return undefined;
  if (!URL.canParse(location, from.href)) {
    throw distributionErrors.unreadableAnswer({ host: rules.host, reason: 'it redirects to no URL' });
  }
  const url = new URL(location, from);
  const downgraded = from.protocol === 'https:' && url.protocol !== 'https:';
  if (!/^https?:$/.test(url.protocol) || (downgraded && !rules.allowPlain)) {
    throw distributionErrors.insecureRedirect({ host: rules.host, location: url.origin });
  }
  return url;
};

/**
 * Follows redirects with the same method and body; `send` decides per URL what may go along (the Authorization header
 * stays at home, distribution-spec "Redirects").
 */
export const followRedirects = async (
  first: Exchange,
  send: (exchange: Exchange) => Promise<HttpResponse>,
  rules: RedirectRules,
): Promise<HttpResponse & Exchange> => {
  let url = first.url;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    const response = await send({ url });
    const next = nextUrl(url, response, rules);
    if (next === undefined) return { ...response, url };
    response.body.on('error', () => undefined).resume();
    url = next;
  }
  throw distributionErrors.tooManyRedirects({ host: rules.host });
};
