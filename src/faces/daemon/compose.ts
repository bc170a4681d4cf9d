import { join } from 'node:path';
import type { Logger } from 'pino';
import { LADE_VERSION } from '#api';
import type { Builder } from '#builder';
import { builderMigrations, hasLeftovers } from '#builder';
import {
  createRegistryClient,
  type Credentials,
  type RegistryClient,
  type RegistryHosts,
} from '#distribution';
import { createEngine, engineMigrations, type Engine } from '#engine';
import { layersMigrations, openLayerStore, type LayerStore } from '#layers';
import { span } from '#events';
import { createLibrary, type Library } from '#library';
import { networkMigrations, openNetworks, type NetworkEvent, type Networks } from '#network';
import { createRuntime, type Runtime } from '#runtime';
import { openImageStore, openRoot, type ImageStore, type Root } from '#store';
import {
  createSystem,
  keepDeletedMs,
  openSettings,
  startKeeper,
  systemMigrations,
  type Settings,
} from '#system';
import { buildDefaultsFrom, hasLocalProxy } from './build-defaults.ts';
import { createEventLog, nowNs, type EventLog } from './event-log.ts';
import type { BuildDefaults } from './build-request.ts';
import { engineId } from './identity.ts';
import type { CredentialLookup, DaemonParts } from './types.ts';

export interface ComposeOptions {
  readonly root: string;
  readonly hostCa: string | undefined;
  /** How registries are reached; by their names and the environment's proxies when absent. */
  readonly registryHosts?: RegistryHosts | undefined;
  readonly log: Logger;
  readonly addresses: () => readonly string[];
}

const MIGRATIONS = [
  ...layersMigrations,
  ...networkMigrations,
  ...engineMigrations,
  ...builderMigrations,
  ...systemMigrations,
];

const registryClients =
  ({ registryHosts, log }: ComposeOptions) =>
  (
    auth?: Credentials | CredentialLookup,
    { insecure }: { readonly insecure?: boolean | undefined } = {},
  ): RegistryClient =>
    createRegistryClient({
      credentials: async (host, repository) =>
        typeof auth === 'function' ? auth(`${host}/${repository}`) : auth,
      hosts: async (domain) => ({
        ...(await registryHosts?.settings(domain)),
        ...(insecure === true ? { insecure } : {}),
      }),
      notice: (message) => log.warn({ registry: true }, message),
      userAgent: `lade/${LADE_VERSION}`,
    });

/** Connects and disconnects are the engine's to tell: it knows the containers. */
const onNetworkEvent =
  (events: EventLog, log: Logger) =>
  (event: NetworkEvent): void => {
    if (event.kind === 'notice') {
      log.info({ network: true }, event.message);
      return;
    }
    if (event.kind === 'connected' || event.kind === 'disconnected') return;
    const { id, name, driver } = event.network;
    events.emit({
      type: 'network',
      action: event.kind === 'network-created' ? 'create' : 'destroy',
      actor: { id, attributes: { name, type: driver } },
      timeNs: nowNs(),
    });
  };

/** Whether a container has processes; the engine, which knows more, is opened after the library. */
const isLive = (runtime: Runtime, containerId: string): boolean =>
  runtime.list().includes(containerId) && ['running', 'paused'].includes(runtime.state(containerId).kind);

interface Rooms {
  readonly store: ImageStore;
  readonly root: Root;
  readonly layers: LayerStore;
  readonly library: Library;
  readonly runtime: Runtime;
  readonly networks: Networks;
  readonly engine: Engine;
  readonly settings: Settings;
}

/** Images that take space when this has happened to them. */
const ADDS: ReadonlySet<string> = new Set(['pull', 'load', 'import', 'create', 'push']);

/** Opens every room that a daemon always needs, lowest first. */
const openRooms = async (
  options: ComposeOptions,
  events: EventLog,
  { stack, onSpace }: { readonly stack: AsyncDisposableStack; readonly onSpace: () => void },
): Promise<Rooms> => {
  const root = stack.use(
    await span('open root', '', () => openRoot({ path: options.root, migrations: MIGRATIONS })),
  );
  const settings = openSettings(root.database, onSpace);
  const store = await span('open images', '', () => openImageStore(root));
  const layers = stack.use(await span('open layers', '', () => openLayerStore(root)));
  const runtime = stack.use(createRuntime({ root: join(root.path, 'runtime') }));
  const library = createLibrary({
    store,
    layers,
    registryClientFor: registryClients(options),
    emit: ({ action, id, attributes }) => {
      events.emit({ type: 'image', action, actor: { id, attributes }, timeNs: nowNs() });
      if (ADDS.has(action)) onSpace();
    },
    keepDeletedMs: () => keepDeletedMs(root.path, settings),
    isRunning: (containerId) => isLive(runtime, containerId),
  });
  const networks = stack.use(
    await span('open networks', '', () => openNetworks({ root, emit: onNetworkEvent(events, options.log) })),
  );
  const engine = stack.use(
    await span('open engine', '', () =>
      createEngine({ root, library, layers, runtime, networks, emit: events.emit }),
    ),
  );
  return { root, store, layers, library, runtime, networks, engine, settings };
};

interface LazyBuilder extends AsyncDisposable {
  (): Promise<Builder>;
}

/** The builder with all that only it needs, loaded by the first build. */
const lazyBuilder = (rooms: Rooms, { proxies }: BuildDefaults): LazyBuilder => {
  const { root, library, layers, runtime, networks, settings } = rooms;
  let builder: Promise<Builder> | undefined;
  const load = (): Promise<Builder> => {
    builder ??= import('#builder').then(({ createBuilder }) =>
      createBuilder({
        root,
        database: root.database,
        library,
        layers,
        runtime,
        networks: hasLocalProxy(proxies) ? undefined : networks,
        historyLimits: () => ({
          count: settings.value('builds.keep'),
          ageMs: settings.value('builds.age'),
        }),
        sourceLimits: () => ({
          treeEntries: settings.value('builds.context-files'),
          treeBytes: settings.value('builds.context-size').bytes,
          downloadBytes: settings.value('builds.download-size').bytes,
          fetchMs: settings.value('builds.download-time'),
        }),
      }),
    );
    return builder;
  };
  const end = async (): Promise<void> => {
    const opened = await builder?.catch(() => undefined);
    await opened?.failed[Symbol.asyncDispose]();
  };
  return Object.assign(load, { [Symbol.asyncDispose]: end });
};

/**
 * Puts the daemon together: the one place where its rooms meet. Opening recovers what an earlier daemon left;
 * disposing leaves containers running.
 */
export const composeDaemon = async (options: ComposeOptions): Promise<DaemonParts> => {
  await using stack = new AsyncDisposableStack();
  const events = createEventLog();
  let onSpace = (): void => undefined;
  const rooms = await openRooms(options, events, { stack, onSpace: () => onSpace() });
  const { store, layers, library, networks, engine, settings } = rooms;
  const buildDefaults = buildDefaultsFrom(options.hostCa, process.env);
  const builder = stack.use(lazyBuilder(rooms, buildDefaults));
  if (await hasLeftovers(rooms.root.path, layers)) {
    // Making the builder removes them.
    builder().catch((error: unknown) => options.log.error({ error }, 'builds of a killed daemon are left'));
  }
  const { containers, volumes } = engine;
  const parts = {
    root: rooms.root.path,
    settings,
    store,
    layers,
    library,
    containers,
    volumes,
    counts: () => engine.counts(),
    networks,
    buildCache: builder,
  };
  const keeper = stack.use(
    startKeeper({ parts, settings, tell: (event) => options.log.info({ space: event }, 'space') }),
  );
  onSpace = () => keeper.poke();
  const opened = stack.move();
  return {
    ...rooms,
    rootPath: rooms.root.path,
    id: engineId(rooms.root.path),
    startedAt: new Date(),
    log: options.log,
    events,
    buildDefaults,
    addresses: options.addresses,
    builder,
    system: createSystem(parts),
    keeper,
    async adoptDocker(request, emit) {
      const { adoptDocker } = await import('#adoption');
      return adoptDocker({ library, store, layers }, request, emit);
    },
    registryHosts: () => options.registryHosts?.configuration,
    registryClient: registryClients(options),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
};
