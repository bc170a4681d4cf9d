import { join } from 'node:path';
import { DEFAULT_POOLS } from './address-pools.ts';
import { attach } from './attach.ts';
import {
  endpointsOfContainer,
  endpointView,
  findNetwork,
  networkView,
  wantedRules,
  type Context,
} from './context.ts';
import { createNetwork, ensurePredefined, removeNetwork } from './create-network.ts';
import { rootTag } from './device-names.ts';
import { createFirewall } from './firewall.ts';
import { hostsFile } from './hosts-file.ts';
import { detach, disconnect } from './leave.ts';
import { createNamespaces } from './namespaces.ts';
import { loadRecords, saveEndpoint, writeEndpoints } from './records.ts';
import { resolvConf } from './resolv-conf.ts';
import { createResolver } from './resolver-client.ts';
import { resolverState } from './resolver-state.ts';
import { cleanup, sweep } from './sweep.ts';
import type { Endpoint, Network, Networks, NetworksOptions } from './types.ts';

const createContext = (options: NetworksOptions): Context => {
  const { path, database } = options.root;
  const records = loadRecords(database);
  const tag = rootTag(path);
  const emit: Context['emit'] = (event) => options.emit?.(event);
  const context: Context = {
    rootPath: path,
    tag,
    database,
    pools: options.addressPools ?? DEFAULT_POOLS,
    resolvConfPath: options.resolvConfPath ?? '/etc/resolv.conf',
    namespaces: createNamespaces(options.netnsDir ?? join(path, 'netns')),
    firewall: createFirewall({ tag, wanted: () => wantedRules(context) }),
    resolver: createResolver({
      directory: join(path, 'network'),
      state: () => resolverState(context),
      onNotice: (message) => emit({ kind: 'notice', message }),
    }),
    networks: new Map(records.networks.map((network) => [network.id, network])),
    endpoints: new Map(records.endpoints.map((endpoint) => [endpoint.id, endpoint])),
    publications: new Map(),
    live: new Set(),
    making: new Map(),
    emit,
  };
  return context;
};

/** Networks of users that no container but these is in. */
const prunable = (context: Context, without: ReadonlySet<string> = new Set()): readonly Network[] =>
  [...context.networks.values()]
    .map((record) => networkView(context, record))
    .filter((network) => !network.predefined)
    .filter(({ endpoints }) => endpoints.every(({ containerId }) => without.has(containerId)));

const prune = async (
  context: Context,
  unused: (network: Network) => boolean,
): Promise<readonly Network[]> => {
  const removed: Network[] = [];
  for (const network of prunable(context).filter(unused))
    removed.push(await removeNetwork(context, network.id));
  return removed;
};

const rename = async (context: Context, containerId: string, containerName: string): Promise<void> => {
  const renamed = endpointsOfContainer(context, containerId).map((record) => ({ ...record, containerName }));
  if (renamed.length === 0) return;
  for (const record of renamed) context.endpoints.set(record.id, record);
  await writeEndpoints(context.database, renamed.map(saveEndpoint));
  await context.resolver.update();
};

const defaultGateway = (context: Context): string =>
  [...context.networks.values()].find((network) => network.name === 'bridge')?.ipam?.gateway ?? '';

const isNamed = (context: Context, endpoints: readonly Endpoint[]): boolean =>
  resolverState(context).sandboxes.some((sandbox) => sandbox.id === endpoints[0]?.containerId);

const close = async (context: Context): Promise<void> => {
  await cleanup(context);
  for (const publication of context.publications.values()) publication.close();
  context.publications.clear();
  await context.resolver.close();
};

/**
 * The networks of one root: opens their records, makes nothing in the kernel yet. After a crash `sweep` puts things
 * right; until it has run, ports of containers that kept running are not guarded against other programs.
 */
export const openNetworks = async (options: NetworksOptions): Promise<Networks> => {
  const context = createContext(options);
  await ensurePredefined(context);
  const { resolvConfPath } = context;
  return {
    create: (request) => createNetwork(context, request),
    inspect: (nameOrId) => networkView(context, findNetwork(context, nameOrId)),
    list: () => [...context.networks.values()].map((record) => networkView(context, record)),
    remove: (nameOrId) => removeNetwork(context, nameOrId),
    prune: (unused = () => true) => prune(context, unused),
    prunable: (without) => prunable(context, without),
    createNamespace: (containerId) => context.namespaces.create(containerId),
    namespacePath: (containerId) => context.namespaces.pathOf(containerId),
    removeNamespace: (containerId) => context.namespaces.remove(containerId),
    attach: (request) => attach(context, request),
    disconnect: (network, containerId) => disconnect(context, network, containerId),
    detach: (containerId) => detach(context, containerId),
    endpoints: (containerId) => endpointsOfContainer(context, containerId).map(endpointView),
    rename: (containerId, containerName) => rename(context, containerId, containerName),
    hostsFile: (request) => hostsFile(request, defaultGateway(context)),
    resolvConf: (request) =>
      resolvConf(request, { path: resolvConfPath, named: isNamed(context, request.endpoints) }),
    sweep: (running) => sweep(context, running),
    cleanup: () => cleanup(context),
    [Symbol.asyncDispose]: () => close(context),
  };
};
