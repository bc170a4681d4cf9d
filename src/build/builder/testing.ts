import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createRegistryClient } from '#distribution';
import { layersMigrations, openLayerStore, type LayerStore, type LayerWriter } from '#layers';
import { createLibrary, type Library } from '#library';
import type { DiffId } from '#oci';
import { createRuntime, type Runtime } from '#runtime';
import { openImageStore, openRoot, type Root } from '#store';
import { createBuilder } from './builder.ts';
import { builderMigrations } from './migrations.ts';
import type { Builder } from './types.ts';

const BUSYBOX = '/bin/busybox';

const writeBusybox = async (writer: LayerWriter): Promise<void> => {
  const applets = execFileSync(BUSYBOX, ['--list'], { encoding: 'utf8' }).trim().split('\n');
  const folders = ['bin', 'etc', 'home', 'root', 'tmp', 'usr', 'usr/bin', 'var', 'run'];
  for (const path of folders)
    await writer.add({ path, kind: 'directory', mode: path === 'tmp' ? 0o1777 : 0o755 });
  await writer.add({
    path: 'bin/busybox',
    kind: 'file',
    mode: 0o755,
    source: { kind: 'path', path: BUSYBOX },
  });
  for (const applet of applets) {
    if (applet !== 'busybox')
      await writer.add({ path: `bin/${applet}`, kind: 'symlink', mode: 0o777, linkName: 'busybox' });
  }
  await writer.add({ path: 'var/run', kind: 'symlink', mode: 0o777, linkName: '../run' });
  const passwd = 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home:/bin/sh\n';
  const group = 'root:x:0:\napp:x:1001:\nstaff:x:50:app\n';
  for (const [path, text] of [
    ['etc/passwd', passwd],
    ['etc/group', group],
  ] as const) {
    await writer.add({
      path,
      kind: 'file',
      mode: 0o644,
      source: { kind: 'bytes', bytes: Buffer.from(text) },
    });
  }
};

/** Writes files below a directory, which is made. */
export const putFiles = (directory: string, files: Readonly<Record<string, string>>): void => {
  mkdirSync(directory, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
};

/** A builder on a private root, with a busybox image named `busybox`. */
export interface TestShop extends AsyncDisposable {
  readonly path: string;
  readonly root: Root;
  readonly builder: Builder;
  readonly library: Library;
  readonly layers: LayerStore;
  readonly runtime: Runtime;
  readonly busybox: DiffId;
  /** A new directory with these files, for a build. */
  newContext(files?: Readonly<Record<string, string>>): string;
  /** Another builder on the same root, as after a restart. */
  reopen(): Builder;
}

export const openTestShop = async (): Promise<TestShop> => {
  await using stack = new AsyncDisposableStack();
  const path = await mkdtemp(join(tmpdir(), 'lade-builder-'));
  stack.defer(() => rm(path, { recursive: true, force: true }));
  const root = stack.use(
    await openRoot({ path: join(path, 'root'), migrations: [...layersMigrations, ...builderMigrations] }),
  );
  const store = await openImageStore(root);
  const layers = stack.use(await openLayerStore(root));
  const runtime = stack.use(createRuntime({ root: join(root.path, 'containers') }));
  const library = createLibrary({ store, layers, registryClientFor: () => createRegistryClient({}) });
  const { diffId } = await layers.writeLayer(writeBusybox);
  await library.createImage({
    config: {
      os: 'linux',
      architecture: runtime.host.architecture,
      created: '2026-01-01T00:00:00Z',
      config: { Env: ['PATH=/bin:/usr/bin'], Cmd: ['sh'] },
      rootfs: { diffIds: [diffId] },
      history: [{ created: '2026-01-01T00:00:00Z', createdBy: 'busybox' }],
    },
    tags: ['busybox'],
  });
  const open = (): Builder => createBuilder({ root, database: root.database, library, layers, runtime });
  let contexts = 0;
  const newContext: TestShop['newContext'] = (files = {}) => {
    const directory = join(path, `context-${(contexts += 1)}`);
    putFiles(directory, files);
    return directory;
  };
  const kept = stack.move();
  return {
    path,
    root,
    builder: open(),
    library,
    layers,
    runtime,
    busybox: diffId,
    newContext,
    reopen: open,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
};
