import { isRange, type HostsConfiguration } from '#distribution';

interface IndexConfig {
  readonly Name: string;
  readonly Mirrors: readonly string[];
  readonly Secure: boolean;
  readonly Official: boolean;
}

/** The URL of a mirror, ending in a slash as docker writes it. */
const mirrorUrl = ({ address, prefix }: { readonly address: string; readonly prefix: string }): string =>
  `${address.includes('://') ? address : `https://${address}`}/${prefix}`;

const indexConfigs = (configuration: HostsConfiguration): Readonly<Record<string, IndexConfig>> => {
  const { registries, insecure } = configuration;
  const listed = insecure.filter((entry) => !isRange(entry));
  const names = new Set(['docker.io', ...registries.keys(), ...listed]);
  return Object.fromEntries(
    [...names].map((name) => {
      const entry = registries.get(name);
      const isInsecure = entry?.insecure ?? listed.includes(name);
      const Mirrors = (entry?.mirrors ?? []).map(mirrorUrl);
      return [name, { Name: name, Mirrors, Secure: !isInsecure, Official: name === 'docker.io' }];
    }),
  );
};

const NOTHING: HostsConfiguration = {
  registries: new Map(),
  insecure: [],
  certificateFolders: [],
  proxy: undefined,
};

/** What GET /info says of registries. */
export const registryFields = (configuration: HostsConfiguration = NOTHING): object => {
  const configs = indexConfigs(configuration);
  const mirrors = configs['docker.io']?.Mirrors ?? [];
  return {
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: {
      AllowNondistributableArtifactsCIDRs: null,
      AllowNondistributableArtifactsHostnames: null,
      InsecureRegistryCIDRs: ['::1/128', '127.0.0.0/8', ...configuration.insecure.filter(isRange)],
      IndexConfigs: configs,
      Mirrors: mirrors.length === 0 ? null : mirrors,
    },
  };
};

/** Hides who logs in at a proxy, as docker does. */
const withoutCredentials = (url: string): string => url.replace(/^(\w+:\/\/)?[^/@]*@/, '$1xxxxx:xxxxx@');

/** What GET /info says of proxies. */
export const proxyFields = (
  configuration: HostsConfiguration | undefined,
  env: Readonly<Record<string, string | undefined>>,
): object => {
  const variable = (name: string): string => env[name] ?? env[name.toLowerCase()] ?? '';
  const { http, https, except } = configuration?.proxy ?? {
    http: variable('HTTP_PROXY'),
    https: variable('HTTPS_PROXY'),
    except: [variable('NO_PROXY')],
  };
  return {
    HttpProxy: withoutCredentials(http ?? ''),
    HttpsProxy: withoutCredentials(https ?? ''),
    NoProxy: (except ?? []).join(','),
  };
};
