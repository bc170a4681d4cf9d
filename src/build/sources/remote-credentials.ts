/** Contents of a build's secrets by id. */
export type Secrets = Readonly<Record<string, Uint8Array>>;

const textOf = (secrets: Secrets, id: string): string | undefined => {
  const value = secrets[id];
  const text = value === undefined ? '' : Buffer.from(value).toString('utf8').trim();
  return text === '' ? undefined : text;
};

const firstOf = (secrets: Secrets, ids: readonly string[]): string | undefined =>
  ids.map((id) => textOf(secrets, id)).find((text) => text !== undefined);

const bareHost = (host: string): string => host.replace(/:\d+$/u, '');

/** Ids that may hold something for a host: with its port first. */
const idsFor = (name: string, separator: string, host: string): readonly string[] => [
  ...new Set([`${name}${separator}${host}`, `${name}${separator}${bareHost(host)}`]),
];

/**
 * The Authorization header for a git host: `GIT_AUTH_HEADER.<host>`, `GIT_AUTH_TOKEN.<host>`, `GIT_AUTH_HEADER`,
 * `GIT_AUTH_TOKEN`, in this order.
 */
export const gitAuthorization = (secrets: Secrets, host: string): string | undefined => {
  const basic = (token: string): string =>
    `Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`;
  const header = (ids: readonly string[]): string | undefined => firstOf(secrets, ids);
  const token = (ids: readonly string[]): string | undefined => {
    const found = firstOf(secrets, ids);
    return found === undefined ? undefined : basic(found);
  };
  return (
    header(idsFor('GIT_AUTH_HEADER', '.', host)) ??
    token(idsFor('GIT_AUTH_TOKEN', '.', host)) ??
    header(['GIT_AUTH_HEADER']) ??
    token(['GIT_AUTH_TOKEN'])
  );
};

/** The Authorization header for a file's host: `HTTP_AUTH_HEADER_<host>`, else `HTTP_AUTH_TOKEN_<host>`. */
export const httpAuthorization = (secrets: Secrets, host: string): string | undefined => {
  const header = firstOf(secrets, idsFor('HTTP_AUTH_HEADER', '_', host));
  const token = firstOf(secrets, idsFor('HTTP_AUTH_TOKEN', '_', host));
  return header ?? (token === undefined ? undefined : `Bearer ${token}`);
};
