import { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { openDatabase, type Database } from '#database';
import { layersMigrations, openLayerStore, type LayerStore } from '#layers';
import { encodeImageConfig, sha256Of, type ImageConfig, type ImageId } from '#oci';
import type { Endpoint } from '#network';
import { createRuntime, type Runtime } from '#runtime';
import { createNetns, removeNetns } from '#sys';
import { writeTar } from '#tar';
import { makeBusyboxRoot } from '../../containers/runtime/testing.ts';
import { createEngine } from './engine.ts';
import type { Engine } from './engine-types.ts';
import { libraryErrors } from '#library';
import { treeEntries } from '#trees';
import { engineMigrations } from './migrations.ts';
import type { EngineImages, EngineNetworks } from './ports.ts';
import type { EngineEvent } from './types.ts';

/** Images in memory, for tests of the engine alone. */
export interface FakeImages extends EngineImages {
  put(name: string, config: ImageConfig, size: number): ImageId;
  readonly holders: Set<string>;
}

const idOf = (config: ImageConfig): ImageId => sha256Of(encodeImageConfig(config)) as ImageId;

export const createFakeImages = (): FakeImages => {
  const images = new Map<string, { id: ImageId; config: ImageConfig; size: number }>();
  const resolve = (name: string) => {
    const image = images.get(names.get(name) ?? name);
    if (image === undefined) throw libraryErrors.imageNotFound({ name });
    return image;
  };
  const names = new Map<string, ImageId>();
  const holders = new Set<string>();
  return {
    holders,
    put(name, config, size) {
      const id = idOf(config);
      images.set(id, { id, config, size });
      names.set(name, id);
      return id;
    },
    resolve,
    prepare: async (name) => resolve(name),
    async createImage({ config, tags }) {
      const id = idOf(config);
      images.set(id, { id, config, size: 0 });
      for (const tag of tags ?? []) names.set(tag, id);
      return { id };
    },
    hold: async (_id, holder) => void holders.add(holder.id),
    release: async (holder) => void holders.delete(holder.id),
    holds: { heldBy: () => [...holders].map((id) => ({ holder: { id } })) },
    lease: async ({ label }) => ({
      id: label,
      label,
      protect: async () => undefined,
      detach: () => undefined,
      [Symbol.asyncDispose]: async () => undefined,
    }),
  };
};

/** Namespaces with a loopback device, endpoints on paper. */
export const createFakeNetworks = (directory: string): EngineNetworks => {
  const endpoints = new Map<string, Endpoint[]>();
  const path = (id: string): string => join(directory, id);
  mkdirSync(directory, { recursive: true });
  return {
    createNamespace: (id) => {
      if (!readdirSync(directory).includes(id)) createNetns(path(id));
      return path(id);
    },
    namespacePath: path,
    removeNamespace: (id) => {
      if (readdirSync(directory).includes(id)) removeNetns(path(id));
    },
    attach: async (request) => {
      const endpoint: Endpoint = {
        id: `e-${request.containerId}`,
        networkId: `id-of-${request.network}`,
        networkName: request.network,
        containerId: request.containerId,
        containerName: request.containerName,
        aliases: request.aliases ?? [],
        ip: '10.9.8.7',
        prefix: 16,
        gateway: '10.9.0.1',
        mac: '02:00:00:00:00:01',
        device: 'eth0',
        ports: (request.ports ?? []).map((port) => ({
          containerPort: port.containerPort,
          protocol: port.protocol,
          hostIp: '0.0.0.0',
          hostPort: port.hostPort ?? 32_768,
        })),
      };
      endpoints.set(request.containerId, [...(endpoints.get(request.containerId) ?? []), endpoint]);
      return endpoint;
    },
    detach: async (id) => void endpoints.delete(id),
    disconnect: async (network, id) => {
      endpoints.set(
        id,
        (endpoints.get(id) ?? []).filter(({ networkName }) => networkName !== network),
      );
    },
    endpoints: (id) => endpoints.get(id) ?? [],
    inspect: (name) => ({
      id: name.startsWith('id-of-') ? name : `id-of-${name}`,
      name: name.replace('id-of-', ''),
      driver: 'bridge',
      created: new Date(0),
      internal: false,
      attachable: true,
      predefined: true,
      options: {},
      labels: {},
      ipam: undefined,
      device: undefined,
      endpoints: [],
    }),
    rename: async () => undefined,
    hostsFile: ({ hostname, endpoints: own }) =>
      `127.0.0.1\tlocalhost\n${own.map(({ ip }) => `${ip}\t${hostname}\n`).join('')}`,
    resolvConf: () => 'nameserver 127.0.0.53\n',
    sweep: async () => ({ containers: [] }),
  };
};

/** An engine on a root of its own with a busybox image, which disposing deletes. */
export interface TestEngine extends AsyncDisposable {
  readonly path: string;
  readonly engine: Engine;
  readonly images: FakeImages;
  readonly layers: LayerStore;
  readonly runtime: Runtime;
  readonly events: readonly EngineEvent[];
  /** Closes the engine and opens another one on the same root. */
  reopen(): Promise<Engine>;
}

export const IMAGE = 'busybox:test';

const unpackBusybox = async (path: string, layers: LayerStore): Promise<ImageConfig> => {
  const directory = join(path, 'busybox');
  makeBusyboxRoot(directory);
  mkdirSync(join(directory, 'data'));
  const stream = Readable.from(writeTar(treeEntries(`${directory}/.`, '')), { objectMode: false });
  const layer = await layers.unpack({ kind: 'stream', stream, compression: 'none' });
  rmSync(directory, { recursive: true });
  return {
    os: 'linux',
    architecture: 'amd64',
    config: { Cmd: ['sh'], Env: ['FROM_IMAGE=1'], Labels: { from: 'image' } },
    rootfs: { diffIds: [layer.diffId] },
    history: [{ createdBy: 'busybox' }],
  };
};

const clear = async (engine: Engine): Promise<void> => {
  for (const { Id: id } of await engine.containers.list({ all: true })) {
    await engine.containers.remove(id, { force: true, volumes: true });
  }
};

const mountsBelow = (path: string): readonly string[] =>
  readFileSync('/proc/self/mounts')
    .toString()
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((target) => target.startsWith(path));

export const openTestEngine = async (): Promise<TestEngine> => {
  const path = mkdtempSync(join(tmpdir(), 'le-'));
  const database: Database = await openDatabase({
    path: join(path, 'lade.db'),
    migrations: [...layersMigrations, ...engineMigrations],
  });
  const layers = await openLayerStore({ path, database });
  const images = createFakeImages();
  const config = await unpackBusybox(path, layers);
  images.put(IMAGE, config, layers.info(config.rootfs.diffIds[0] ?? ('' as never))?.size ?? 0);
  const events: EngineEvent[] = [];
  const networks = createFakeNetworks(join(path, 'netns'));
  const newRuntime = (): Runtime =>
    createRuntime({ root: join(path, 'runtime'), runDirectory: join(path, 'r') });
  let runtime = newRuntime();
  const open = (): Promise<Engine> =>
    createEngine({
      root: { path, database },
      library: images,
      layers,
      runtime,
      networks,
      emit: (event) => void events.push(event),
    });
  let engine = await open();
  return {
    path,
    images,
    layers,
    events,
    get runtime() {
      return runtime;
    },
    get engine() {
      return engine;
    },
    async reopen() {
      await engine[Symbol.asyncDispose]();
      await runtime[Symbol.asyncDispose]();
      runtime = newRuntime();
      engine = await open();
      return engine;
    },
    async [Symbol.asyncDispose]() {
      await clear(engine);
      await engine[Symbol.asyncDispose]();
      await runtime[Symbol.asyncDispose]();
      const snapshots = layers.snapshots().map(({ id }) => id);
      if (snapshots.length > 0) throw new Error(`snapshots left: ${snapshots.join(' ')}`);
      await layers[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
      const left = mountsBelow(path);
      if (left.length > 0) throw new Error(`still mounted: ${left.join(' ')}`);
      rmSync(path, { recursive: true });
    },
  };
};
