import { readFile } from 'node:fs/promises';
import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { errnoOf } from '#sys';
import { readCertificates } from './certificates.ts';
import { distributionErrors } from './errors.ts';
import {
  NO_HOSTS,
  PLAIN_ENTRY,
  isHost,
  isRange,
  parseHostsFile,
  parseMirror,
  type HostEntry,
  type HostsConfiguration,
  type MirrorEntry,
} from './hosts-file.ts';
import type { Credentials, HostSettings, Mirror } from './types.ts';

/** What the daemon's flags add to the file. */
export interface HostsFlags {
  /** Mirrors of Docker Hub, before those of the file. */
  readonly mirrors?: readonly string[] | undefined;
  /** `host[:port]` or address ranges. */
  readonly insecure?: readonly string[] | undefined;
}

export interface RegistryHostsOptions extends HostsFlags {
  readonly file: string;
  /** The file was asked for: it must be there. */
  readonly required?: boolean | undefined;
}

/** How registries are reached, by a file and flags. */
export interface RegistryHosts {
  /** Reads certificates anew each time. */
  settings(domain: string): Promise<HostSettings>;
  /** What is in force. */
  readonly configuration: HostsConfiguration;
  /** Reads the file again; keeps what is in force when it cannot be used. */
  reload(): Promise<void>;
}

const invalid = (option: string, value: string, problem: string): Error =>
  distributionErrors.hostsOptionInvalid({ option, value, problem });

/** Docker's rule for `--registry-mirror`. */
const flagMirror = (value: string): MirrorEntry => {
  const option = '--registry-mirror';
  if (!URL.canParse(value) || !/^https?:\/\//i.test(value))
    throw invalid(option, value, 'it must be a URL that begins with http:// or https://');
  const url = new URL(value);
  if (url.username !== '' || url.password !== '')
    throw invalid(option, value.replace(/\/\/.*@/, '//***@'), 'it must not name a user or a password');
  if (!['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '')
    throw invalid(option, value, 'it must have no path, query or fragment');
  const parsed = parseMirror(url.origin);
  if (parsed === undefined) throw invalid(option, value, 'it names no host');
  return { ...PLAIN_ENTRY, ...parsed };
};

const flagInsecure = (value: string): string => {
  const bare = value.replace(/^https?:\/\//, '').replace(/\/$/, '');
  if (isHost(bare)) return bare;
  if (isRange(value)) return value;
  throw invalid('--insecure-registry', value, 'it must be HOST[:PORT] or a range such as 10.0.0.0/8');
};

const withFlags = (configuration: HostsConfiguration, flags: HostsFlags): HostsConfiguration => {
  const mirrors = (flags.mirrors ?? []).map(flagMirror);
  const insecure = (flags.insecure ?? []).map(flagInsecure);
  const registries = new Map(configuration.registries);
  const hub = registries.get('docker.io') ?? { ...PLAIN_ENTRY, mirrors: [] };
  if (mirrors.length > 0) registries.set('docker.io', { ...hub, mirrors: [...mirrors, ...hub.mirrors] });
  return { ...configuration, registries, insecure: [...configuration.insecure, ...insecure] };
};

const readConfiguration = async (options: RegistryHostsOptions): Promise<HostsConfiguration> => {
  let text: string;
  try {
    text = await readFile(options.file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && options.required !== true) return withFlags(NO_HOSTS, options);
    const problem = error instanceof Error ? error.message : String(error);
    throw distributionErrors.hostsFileUnreadable({ path: options.file, problem }, error);
  }
  return withFlags(await parseHostsFile(options.file, text), options);
};

const withoutPort = (host: string): string => host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');

/** The entry of a domain: its own, else that of the longest `*.suffix`, else `*`. */
const entryFor = <T>(entries: ReadonlyMap<string, T>, domain: string): T | undefined => {
  const own = entries.get(domain);
  if (own !== undefined) return own;
  const suffixes = [...entries.keys()].filter((key) => key.startsWith('*.') && domain.endsWith(key.slice(1)));
  const longest = suffixes.toSorted((a, b) => b.length - a.length)[0] ?? '*';
  return entries.get(longest);
};

const inRanges = async (host: string, ranges: readonly string[]): Promise<boolean> => {
  if (ranges.length === 0) return false;
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', bits = ''] = range.split('/', 2);
    list.addSubnet(network, Number(bits), isIP(network) === 6 ? 'ipv6' : 'ipv4');
  }
  const name = withoutPort(host);
  const found =
    isIP(name) === 0
      ? await lookup(name, { all: true }).catch(() => [])
      : [{ address: name, family: isIP(name) }];
  return found.some(({ address, family }) => list.check(address, family === 6 ? 'ipv6' : 'ipv4'));
};

/** As docker does: a host by its exact name, or by an address it has. */
const isListedInsecure = (host: string, insecure: readonly string[]): Promise<boolean> =>
  insecure.includes(host) ? Promise.resolve(true) : inRanges(host, insecure.filter(isRange));

const credentialsOf = async ({ username, password }: HostEntry): Promise<Credentials | undefined> => {
  if (username === undefined || password === undefined) return undefined;
  if ('text' in password) return { kind: 'basic', username, password: password.text };
  try {
    const text = await readFile(password.file, 'utf8');
    return { kind: 'basic', username, password: text.replace(/\r?\n$/, '') };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw distributionErrors.certificateUnreadable({ path: password.file, problem }, error);
  }
};

const settingsOf = async (
  configuration: HostsConfiguration,
  host: string,
  entry: HostEntry,
): Promise<Omit<HostSettings, 'mirrors'>> => {
  const folders = host === 'docker.io' ? ['docker.io', 'registry-1.docker.io'] : [host];
  const { ca, cert, key } = await readCertificates(entry.files, configuration.certificateFolders, folders);
  const listed = await isListedInsecure(host, configuration.insecure);
  return {
    insecure: entry.insecure ?? (listed ? true : undefined),
    plainHttp: entry.plainHttp,
    ca,
    ...(cert.length === 0 ? {} : { cert, key }),
    proxy: entry.direct ? 'none' : configuration.proxy,
    credentials: await credentialsOf(entry),
  };
};

const mirrorOf = async (configuration: HostsConfiguration, mirror: MirrorEntry): Promise<Mirror> => {
  const { address, prefix } = mirror;
  const host = address.replace(/^https?:\/\//, '');
  const own = entryFor(configuration.registries, host) ?? PLAIN_ENTRY;
  const entry: HostEntry = {
    insecure: mirror.insecure ?? own.insecure,
    plainHttp: mirror.plainHttp ?? own.plainHttp,
    files: mirror.files.ca.length > 0 || mirror.files.cert !== undefined ? mirror.files : own.files,
    direct: mirror.direct || own.direct,
    username: mirror.username ?? own.username,
    password: mirror.password ?? own.password,
  };
  return { address, prefix, ...(await settingsOf(configuration, host, entry)) };
};

const domainSettings = async (configuration: HostsConfiguration, domain: string): Promise<HostSettings> => {
  const entry = entryFor(configuration.registries, domain);
  return {
    ...(await settingsOf(configuration, domain, entry ?? PLAIN_ENTRY)),
    mirrors: await Promise.all((entry?.mirrors ?? []).map((each) => mirrorOf(configuration, each))),
  };
};

/**
 * Opens the configuration of registry hosts. A file that is not there is an empty one, unless it is required.
 *
 * @throws DISTRIBUTION_HOSTS_FILE_INVALID with file and line, DISTRIBUTION_HOSTS_FILE_UNREADABLE,
 * DISTRIBUTION_HOSTS_OPTION_INVALID
 */
export const openRegistryHosts = async (options: RegistryHostsOptions): Promise<RegistryHosts> => {
  let configuration = await readConfiguration(options);
  return {
    settings: (domain) => domainSettings(configuration, domain),
    get configuration() {
      return configuration;
    },
    reload: async () => {
      configuration = await readConfiguration(options);
    },
  };
};
