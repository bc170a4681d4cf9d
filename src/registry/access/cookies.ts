/** Name of the cookie of people who signed in. */
export const SESSION_COOKIE = 'lade_session';
/** Name of the cookie that ties a sign-in to the browser that began it. */
export const SIGN_IN_COOKIE = 'lade_sign_in';

/** The value of a cookie in a Cookie header. */
export const cookieValue = (header: string | undefined, name: string): string | undefined => {
  for (const part of (header ?? '').split(';')) {
    const [key = '', ...value] = part.trim().split('=');
    if (key === name) return value.join('=');
  }
  return undefined;
};

export interface CookieOptions {
  readonly path: string;
  readonly secure: boolean;
  /** 0 removes it. */
  readonly maxAgeSeconds: number;
}

/** A Set-Cookie header that scripts cannot read and other sites do not send along with writes. */
export const setCookie = (name: string, value: string, options: CookieOptions): string =>
  [
    `${name}=${value}`,
    `Path=${options.path}`,
    `Max-Age=${options.maxAgeSeconds}`,
    'HttpOnly',
    'SameSite=Lax',
    ...(options.secure ? ['Secure'] : []),
  ].join('; ');
