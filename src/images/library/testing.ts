import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { createRegistryClient } from '#distribution';
import { layersMigrations, openLayerStore, type LayerStore } from '#layers';
import { openImageStore, openRoot, type ImageStore } from '#store';
import { writeTar, type TarSource } from '#tar';
import { createLibrary } from './library.ts';
import type { ImageEvent, Library, LibraryDependencies, LibraryEvent } from './types.ts';

/** An own directory that is deleted when disposed. */
export interface Scratch extends Disposable {
  readonly path: string;
}

export const makeScratch = (): Scratch => {
  const path = mkdtempSync(join(tmpdir(), 'lade-library-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
};

export interface Opened extends AsyncDisposable {
  readonly store: ImageStore;
  readonly layers: LayerStore;
  readonly library: Library;
  readonly events: ImageEvent[];
  /** Progress of everything that was given `emit`. */
  readonly progress: LibraryEvent[];
  readonly emit: (event: LibraryEvent) => void;
}

/** A library on a root of its own, with real layers and a real registry client. */
export const openLibrary = async (
  path: string,
  options: Partial<Pick<LibraryDependencies, 'isRunning' | 'registryClientFor' | 'keepDeletedMs'>> = {},
): Promise<Opened> => {
  const stack = new AsyncDisposableStack();
  const root = stack.use(await openRoot({ path, migrations: layersMigrations }));
  const store = await openImageStore(root);
  const layers = stack.use(await openLayerStore(root));
  const events: ImageEvent[] = [];
  const progress: LibraryEvent[] = [];
  const library = createLibrary({
    store,
    layers,
    registryClientFor: () => createRegistryClient({ retry: { attempts: 2, backoffMs: 10 } }),
    emit: (event) => void events.push(event),
    ...options,
  });
  return {
    store,
    layers,
    library,
    events,
    progress,
    emit: (event) => void progress.push(event),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};

/** The tar of a small root file system; text is the content of files by path. */
export const rootfsTar = (files: Readonly<Record<string, string | Buffer>>): Readable => {
  const sources = Object.entries(files).map(([path, content]): TarSource => {
    const bytes = Buffer.from(content);
    return { path, kind: 'file', mode: 0o644, size: bytes.length, content: bytes };
  });
  return Readable.from(writeTar(sources), { objectMode: false });
};

/** Bytes that hardly compress, the same for the same seed. */
export const noise = (size: number, seed: number): Buffer => {
  const bytes = Buffer.allocUnsafe(size);
  let state = seed;
  for (let index = 0; index < size; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    bytes[index] = state >> 16;
  }
  return bytes;
};

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};

const answers = async (url: string): Promise<boolean> => {
  for (let tries = 0; tries < 100; tries += 1) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok === true) return true;
    await setTimeout(50);
  }
  return false;
};

export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
}

/** Debian's docker-registry on a free port, storing below `directory`. */
export const startDockerRegistry = async (directory: string): Promise<Registry> => {
  const port = await freePort();
  const storage = join(directory, 'registry');
  mkdirSync(storage, { recursive: true });
  const config = join(directory, 'registry.yml');
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${storage}}, delete: {enabled: true}}\nhttp: {addr: "127.0.0.1:${port}"}\n`,
  );
  const child = spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
  const host = `127.0.0.1:${port}`;
  if (!(await answers(`http://${host}/v2/`))) throw new Error('docker-registry did not start');
  return {
    host,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
};
