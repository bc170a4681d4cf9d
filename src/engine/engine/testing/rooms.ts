import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createRegistryClient } from '#distribution';
import { layersMigrations, openLayerStore, type LayerStore } from '#layers';
import { createLibrary, type Library } from '#library';
import { networkMigrations, openNetworks, type Networks } from '#network';
import { createRuntime, type Runtime } from '#runtime';
import { openImageStore, openRoot } from '#store';
import { writeTar } from '#tar';
import { treeEntries } from '#trees';
import { makeBusyboxRoot } from '../../../containers/runtime/testing.ts';
import { createEngine } from '../engine.ts';
import type { Engine } from '../engine-types.ts';
import { engineMigrations } from '../migrations.ts';
import type { EngineEvent } from '../types.ts';

/** Every real room on one root, as the daemon puts them together. */
export interface Rooms extends AsyncDisposable {
  readonly engine: Engine;
  readonly library: Library;
  readonly layers: LayerStore;
  readonly runtime: Runtime;
  readonly networks: Networks;
  readonly events: readonly EngineEvent[];
}

export const openRooms = async (path: string): Promise<Rooms> => {
  const stack = new AsyncDisposableStack();
  const migrations = [...layersMigrations, ...networkMigrations, ...engineMigrations];
  const root = stack.use(await openRoot({ path, migrations }));
  const store = await openImageStore(root);
  const layers = stack.use(await openLayerStore(root));
  const runtime = stack.use(createRuntime({ root: join(path, 'runtime'), runDirectory: join(path, 'r') }));
  const library = createLibrary({ store, layers, registryClientFor: () => createRegistryClient({}) });
  const networks = stack.use(await openNetworks({ root }));
  const events: EngineEvent[] = [];
  const emit = (event: EngineEvent): void => void events.push(event);
  const engine = stack.use(await createEngine({ root, library, layers, runtime, networks, emit }));
  const disposeAsync = (): Promise<void> => stack.disposeAsync();
  return { engine, library, layers, runtime, networks, events, [Symbol.asyncDispose]: disposeAsync };
};

/** Imports a busybox image under this name. */
export const importBusybox = async (library: Library, reference: string): Promise<void> => {
  const directory = mkdtempSync(join(tmpdir(), 'busybox-'));
  makeBusyboxRoot(directory);
  const stream = Readable.from(writeTar(treeEntries(`${directory}/.`, '')), { objectMode: false });
  await library.import({ stream, reference, changes: ['CMD ["sh"]'] });
  rmSync(directory, { recursive: true });
};

/** Mounts below a directory: none may be left. */
export const mountsBelow = (path: string): readonly string[] =>
  readFileSync('/proc/self/mounts')
    .toString()
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((target) => target.startsWith(path));
