import { compilePattern, type RepositoryPattern } from '#metadata';
import type { UpstreamSettings } from './types.ts';

const HUB: ReadonlySet<string> = new Set(['registry-1.docker.io', 'docker.io', 'index.docker.io']);

/** Whether a host is one of Docker Hub's. */
export const isHub = (host: string): boolean => HUB.has(host);

/** Where a repository of this registry comes from. */
export interface RemoteName {
  readonly settings: UpstreamSettings;
  /** Its name at the upstream. */
  readonly path: string;
}

/** What names of this registry mean elsewhere. */
export interface NameTable {
  find(repository: string): RemoteName | undefined;
  /** The upstream that clients mean with `?ns=`. */
  named(namespace: string): UpstreamSettings | undefined;
  readonly fallback: UpstreamSettings | undefined;
  /** The name here of what an upstream calls `path`. */
  local(settings: UpstreamSettings, path: string): string;
}

export const namespaceOf = ({ namespace, prefix, url }: UpstreamSettings): string =>
  namespace ?? (prefix === '' ? new URL(url).host : prefix);

/** Docker Hub's own images have a name of two parts. */
const officialPath = ({ url }: UpstreamSettings, path: string): string =>
  HUB.has(new URL(url).hostname) && !path.includes('/') ? `library/${path}` : path;

/** What stands before the names of its repositories in the URL of an upstream. */
const urlPath = ({ url }: UpstreamSettings): string =>
  new URL(url).pathname.replace(/^\/+|\/+$/g, '').replace(/(?:^|\/)v2$/, '');

interface Entry {
  readonly settings: UpstreamSettings;
  readonly patterns: readonly RepositoryPattern[] | undefined;
}

const restOf = ({ settings }: Entry, repository: string): string | undefined => {
  const { prefix } = settings;
  if (prefix === '') return repository;
  return repository.startsWith(`${prefix}/`) ? repository.slice(prefix.length + 1) : undefined;
};

/** @throws METADATA_PATTERN_INVALID */
export const createNameTable = (upstreams: readonly UpstreamSettings[]): NameTable => {
  const entries: readonly Entry[] = upstreams
    .map((settings) => ({ settings, patterns: settings.repositories?.map((text) => compilePattern(text)) }))
    .toSorted((a, b) => b.settings.prefix.length - a.settings.prefix.length);
  const find = (repository: string): RemoteName | undefined => {
    for (const entry of entries) {
      const rest = restOf(entry, repository);
      if (rest === undefined) continue;
      const { settings, patterns } = entry;
      const path = officialPath(settings, rest);
      if (patterns?.some((pattern) => pattern.matches(path)) === false) continue;
      const above = urlPath(settings);
      return { settings, path: above === '' ? path : `${above}/${path}` };
    }
    return undefined;
  };
  return {
    find,
    named: (namespace) => {
      const wanted = HUB.has(namespace) ? HUB : new Set([namespace]);
      return upstreams.find((settings) => wanted.has(namespaceOf(settings)));
    },
    fallback: upstreams.find(({ fallback }) => fallback === true),
    local: (settings, path) => {
      const official = officialPath(settings, path);
      return settings.prefix === '' ? official : `${settings.prefix}/${official}`;
    },
  };
};
