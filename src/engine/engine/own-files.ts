import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { MountInput } from '#runtime';
import type { Container } from './container.ts';
import { filesOf, type EngineContext } from './context.ts';
import { endpointsOf, hostnameOf, networkOwner } from './networking.ts';
import { isLive, type ContainerRecord } from './record.ts';

/** Makes the container's own files, still empty, so that they can be mounted. */
export const makeOwnFiles = (context: EngineContext, record: ContainerRecord): void => {
  const files = filesOf(context, record.id);
  mkdirSync(files.directory, { recursive: true, mode: 0o710 });
  for (const path of [files.hostname, files.hosts, files.resolvConf]) writeFileSync(path, '', { flag: 'a' });
};

const hostsText = (context: EngineContext, record: ContainerRecord): string =>
  context.networks.hostsFile({
    hostname: hostnameOf(record),
    domainname: record.config.Domainname,
    endpoints: endpointsOf(context, record),
    extraHosts: record.hostConfig.ExtraHosts ?? [],
    hostNetwork: record.hostConfig.NetworkMode === 'host',
  });

const resolvConfText = (context: EngineContext, record: ContainerRecord): string => {
  const { Dns: dns, DnsSearch: dnsSearch, DnsOptions: dnsOptions, NetworkMode: mode } = record.hostConfig;
  return context.networks.resolvConf({
    endpoints: endpointsOf(context, record),
    dns: dns ?? [],
    dnsSearch: dnsSearch ?? [],
    dnsOptions: dnsOptions ?? [],
    hostNetwork: mode === 'host',
  });
};

/** Writes /etc/hostname, /etc/hosts and /etc/resolv.conf of a container that is about to start. */
export const writeOwnFiles = (context: EngineContext, record: ContainerRecord): void => {
  const files = filesOf(context, record.id);
  writeFileSync(files.hostname, `${hostnameOf(record)}\n`);
  writeFileSync(files.hosts, hostsText(context, record));
  writeFileSync(files.resolvConf, resolvConfText(context, record));
};

/** The lines of `text` with those of `before` that are not in `after` taken out, and new ones of `after` added. */
export const mergeLines = (text: string, before: string, after: string): string => {
  const [old, wanted] = [before, after].map((part) => part.split('\n').filter((line) => line !== ''));
  const gone = new Set(old?.filter((line) => wanted?.includes(line) !== true));
  const kept = text.split('\n').filter((line) => line !== '' && !gone.has(line));
  const added = wanted?.filter((line) => old?.includes(line) !== true && !kept.includes(line)) ?? [];
  return [...kept, ...added, ''].join('\n');
};

/**
 * Changes the networks of a container, in its queue, and brings /etc/hosts and /etc/resolv.conf of a running one in
 * line. Lines that its processes added to the former stay; the latter is left alone once they have changed it.
 */
export const changeNetworks = (
  context: EngineContext,
  container: Container,
  change: () => Promise<void>,
): Promise<void> =>
  container.queue.run(async () => {
    const files = filesOf(context, container.id);
    const [hosts, resolvConf] = [
      hostsText(context, container.record),
      resolvConfText(context, container.record),
    ];
    await change();
    const { record } = container;
    if (!isLive(record)) return;
    writeFileSync(
      files.hosts,
      mergeLines(readFileSync(files.hosts, 'utf8'), hosts, hostsText(context, record)),
    );
    if (readFileSync(files.resolvConf, 'utf8') === resolvConf)
      writeFileSync(files.resolvConf, resolvConfText(context, record));
  });

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
