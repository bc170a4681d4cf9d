import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import type { ProxySettings } from '#http';
import type { Mirror } from './types.ts';
import { readYaml, type Spot } from './yaml-reader.ts';

/** Where certificates and keys of one host are, as paths. */
export interface CertificateFiles {
  readonly ca: readonly string[];
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** What the file says of one host. */
export interface HostEntry {
  readonly insecure: boolean | undefined;
  readonly plainHttp: boolean | undefined;
  readonly files: CertificateFiles;
  readonly direct: boolean;
  readonly username: string | undefined;
  readonly password: { readonly text: string } | { readonly file: string } | undefined;
}

export interface MirrorEntry extends HostEntry, Pick<Mirror, 'address' | 'prefix'> {}

export interface RegistryEntry extends HostEntry {
  readonly mirrors: readonly MirrorEntry[];
}

/** Configuration of registry hosts; docs/registries.md describes the file. */
export interface HostsConfiguration {
  /** By domain; `*.example.com` and `*` stand for many. */
  readonly registries: ReadonlyMap<string, RegistryEntry>;
  /** Hosts as in names, and address ranges. */
  readonly insecure: readonly string[];
  /** Folders with one folder for each host, as docker's certs.d. */
  readonly certificateFolders: readonly string[];
  /** The environment's when absent. */
  readonly proxy: ProxySettings | undefined;
}

export const DEFAULT_CERTIFICATE_FOLDERS: readonly string[] = ['/etc/docker/certs.d', '/etc/lade/certs.d'];

export const NO_HOSTS: HostsConfiguration = {
  registries: new Map(),
  insecure: [],
  certificateFolders: DEFAULT_CERTIFICATE_FOLDERS,
  proxy: undefined,
};

export const PLAIN_ENTRY: HostEntry = {
  insecure: undefined,
  plainHttp: undefined,
  files: { ca: [], cert: undefined, key: undefined },
  direct: false,
  username: undefined,
  password: undefined,
};

const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/** Whether the text is `host[:port]`, as in an image's name. */
export const isHost = (text: string): boolean => HOST.test(text);

/** Whether the text is an address range such as `10.0.0.0/8`. */
export const isRange = (text: string): boolean => {
  const [network = '', bits = ''] = text.split('/', 2);
  const most = isIP(network) === 6 ? 128 : 32;
  return isIP(network) !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= most;
};

/** `URL` or `host[:port]`, with an optional path that goes before repositories; undefined when it is neither. */
export const parseMirror = (text: string): Pick<Mirror, 'address' | 'prefix'> | undefined => {
  const [, scheme, rest = ''] = /^(https?:\/\/)?(.*)$/i.exec(text) ?? [];
  const [host = '', ...path] = rest.replace(/\/+$/, '').split('/');
  if (!isHost(host)) return undefined;
  if (path.some((part) => !/^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/.test(part))) return undefined;
  return {
    address: scheme === undefined ? host : `${scheme.toLowerCase()}${host}`,
    prefix: path.length === 0 ? '' : `${path.join('/')}/`,
  };
};

const HOST_KEYS = [
  'insecure',
  'plain-http',
  'ca',
  'client-cert',
  'client-key',
  'proxy',
  'username',
  'password',
  'password-file',
] as const;

type HostFields = Readonly<Partial<Record<(typeof HOST_KEYS)[number], Spot>>>;

const direct = (spot: Spot | undefined): boolean => {
  if (spot === undefined) return false;
  if (spot.text() === 'none') return true;
  throw spot.fail('the only value is none; proxies themselves stand under the top key proxies');
};

const passwordOf = (fields: HostFields, folder: string): HostEntry['password'] => {
  const file = fields['password-file'];
  if (fields.password !== undefined && file !== undefined)
    throw file.fail('give password or password-file, not both');
  if (file !== undefined) return { file: resolve(folder, file.text()) };
  return fields.password === undefined ? undefined : { text: fields.password.text() };
};

const hostEntry = (fields: HostFields, folder: string): HostEntry => {
  const path = (spot: Spot | undefined): string | undefined =>
    spot === undefined ? undefined : resolve(folder, spot.text());
  const [cert, key] = [fields['client-cert'], fields['client-key']];
  if (cert !== undefined && key === undefined) throw cert.fail('client-key is missing beside it');
  if (key !== undefined && cert === undefined) throw key.fail('client-cert is missing beside it');
  const password = passwordOf(fields, folder);
  if (fields.username !== undefined && password === undefined)
    throw fields.username.fail('password or password-file is missing beside it');
  const lonely = fields.username === undefined ? (fields.password ?? fields['password-file']) : undefined;
  if (lonely !== undefined) throw lonely.fail('username is missing beside it');
  return {
    insecure: fields.insecure?.flag(),
    plainHttp: fields['plain-http']?.flag(),
    files: {
      ca: (fields.ca?.list() ?? []).map((spot) => resolve(folder, spot.text())),
      cert: path(cert),
      key: path(key),
    },
    direct: direct(fields.proxy),
    username: fields.username?.text(),
    password,
  };
};

const mirrorEntry = (spot: Spot, folder: string): MirrorEntry => {
  const fields = spot.isMap() ? spot.fields(['url', ...HOST_KEYS]) : { url: spot };
  const url = fields.url;
  if (url === undefined) throw spot.fail('the key url is missing');
  const parsed = parseMirror(url.text());
  if (parsed === undefined)
    throw url.fail(
      `${url.text()} is no address of a mirror; write https://HOST[:PORT][/PREFIX] or HOST[:PORT]`,
    );
  return { ...parsed, ...hostEntry(fields, folder) };
};

const registryEntry = (spot: Spot, folder: string): RegistryEntry => {
  const fields = spot.fields(['mirrors', ...HOST_KEYS]);
  return {
    ...hostEntry(fields, folder),
    mirrors: (fields.mirrors?.list() ?? []).map((each) => mirrorEntry(each, folder)),
  };
};

const registriesOf = (spot: Spot | undefined, folder: string): ReadonlyMap<string, RegistryEntry> =>
  new Map(
    [...(spot?.entries() ?? [])].map(([domain, value]) => {
      const bare = domain.replace(/^\*\./, '');
      if (domain !== '*' && !isHost(bare))
        throw value.fail(`${domain} is no registry; write HOST[:PORT], *.DOMAIN or *`);
      return [domain === 'index.docker.io' ? 'docker.io' : domain, registryEntry(value, folder)];
    }),
  );

const proxyUrl = (spot: Spot | undefined): string | undefined => {
  if (spot === undefined) return undefined;
  const text = spot.text();
  const url = text.includes('://') ? text : `http://${text}`;
  if (URL.canParse(url) && /^https?:/.test(url)) return url;
  throw spot.fail(`${text} is no URL of an HTTP proxy`);
};

const proxiesOf = (spot: Spot | undefined): ProxySettings | undefined => {
  if (spot === undefined) return undefined;
  const fields = spot.fields(['http', 'https', 'except']);
  return {
    http: proxyUrl(fields.http),
    https: proxyUrl(fields.https),
    except: (fields.except?.list() ?? []).flatMap((each) => each.text().split(',')),
  };
};

const insecureHost = (spot: Spot): string => {
  const text = spot.text();
  if (isHost(text) || isRange(text)) return text;
  throw spot.fail(`${text} is neither HOST[:PORT] nor an address range such as 10.0.0.0/8`);
};

/**
 * Reads the text of a hosts file; relative paths in it start at its folder.
 *
 * @throws DISTRIBUTION_HOSTS_FILE_INVALID
 */
export const parseHostsFile = async (path: string, text: string): Promise<HostsConfiguration> => {
  const folder = dirname(path);
  const top = (await readYaml(path, text)).fields(['registries', 'insecure', 'certificates', 'proxies']);
  return {
    registries: registriesOf(top.registries, folder),
    insecure: (top.insecure?.list() ?? []).map(insecureHost),
    certificateFolders:
      top.certificates === undefined
        ? DEFAULT_CERTIFICATE_FOLDERS
        : top.certificates.list().map((spot) => resolve(folder, spot.text())),
    proxy: proxiesOf(top.proxies),
  };
};
