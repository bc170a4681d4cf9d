import { mkdirSync, writeFileSync } from 'node:fs';
import type { MountInput } from '#runtime';
import { filesOf, type EngineContext } from './context.ts';
import { endpointsOf, hostnameOf, networkOwner } from './networking.ts';
import type { ContainerRecord } from './record.ts';

/** Makes the container's own files, still empty, so that they can be mounted. */
export const makeOwnFiles = (context: EngineContext, record: ContainerRecord): void => {
  const files = filesOf(context, record.id);
  mkdirSync(files.directory, { recursive: true, mode: 0o710 });
  for (const path of [files.hostname, files.hosts, files.resolvConf]) writeFileSync(path, '', { flag: 'a' });
};

/** Writes /etc/hostname, /etc/hosts and /etc/resolv.conf of a container that is about to start. */
export const writeOwnFiles = (context: EngineContext, record: ContainerRecord): void => {
  const files = filesOf(context, record.id);
  const endpoints = endpointsOf(context, record);
  const hostNetwork = record.hostConfig.NetworkMode === 'host';
  const hostname = hostnameOf(record);
  const {
    Dns: dns,
    DnsSearch: dnsSearch,
    DnsOptions: dnsOptions,
    ExtraHosts: extraHosts,
  } = record.hostConfig;
  writeFileSync(files.hostname, `${hostname}\n`);
  writeFileSync(
    files.hosts,
    context.networks.hostsFile({
      hostname,
      domainname: record.config.Domainname,
      endpoints,
      extraHosts: extraHosts ?? [],
      hostNetwork,
    }),
  );
  writeFileSync(
    files.resolvConf,
    context.networks.resolvConf({
      endpoints,
      dns: dns ?? [],
      dnsSearch: dnsSearch ?? [],
      dnsOptions: dnsOptions ?? [],
      hostNetwork,
    }),
  );
};

/** Writes /etc/hosts anew when a running container's networks changed. */
export const refreshHosts = (context: EngineContext, record: ContainerRecord): void => {
  const { ExtraHosts: extraHosts } = record.hostConfig;
  writeFileSync(
    filesOf(context, record.id).hosts,
    context.networks.hostsFile({
      hostname: hostnameOf(record),
      domainname: record.config.Domainname,
      endpoints: endpointsOf(context, record),
      extraHosts: extraHosts ?? [],
    }),
  );
};

/** Where these files appear in the container, except where the container mounts something of its own. */
export const ownFileMounts = (context: EngineContext, record: ContainerRecord): readonly MountInput[] => {
  const own = filesOf(context, record.id);
  const shared = filesOf(context, networkOwner(context, record)?.id ?? record.id);
  const taken = new Set(record.mounts.map(({ target }) => target));
  const mounts: readonly (readonly [string, string])[] = [
    ['/etc/resolv.conf', shared.resolvConf],
    ['/etc/hostname', own.hostname],
    ['/etc/hosts', shared.hosts],
  ];
  return mounts
    .filter(([target]) => !taken.has(target))
    .map(([target, source]) => ({ kind: 'bind', source, target }));
};
