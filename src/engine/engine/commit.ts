import type { ContainerConfig as ImageContainerConfig, HistoryEntry, ImageConfig, JsonSet } from '#oci';
import type { LayerInfo, LayerLease } from '#layers';
import { applyChanges } from '#library';
import type { Lease } from '#store';
import type { Container } from './container.ts';
import { emitContainer, snapshotOf, type EngineContext } from './context.ts';
import { mergeConfig } from './merge-config.ts';
import { isLive } from './record.ts';
import { ignoredPaths } from './root-access.ts';
import { pause, unpause } from './stop.ts';
import { nowText } from './time.ts';
import type { CommitOptions } from './types.ts';
import type { ContainerConfig } from './wire-types.ts';

const setOf = (value: Readonly<Record<string, object>> | null | undefined): JsonSet | undefined =>
  value === null || value === undefined
    ? undefined
    : Object.fromEntries(Object.keys(value).map((key) => [key, {}]));

/** The part of a container's configuration that an image has. */
export const toImageConfig = (config: ContainerConfig): ImageContainerConfig => ({
  User: config.User,
  ExposedPorts: setOf(config.ExposedPorts),
  Env: config.Env ?? undefined,
  Entrypoint: config.Entrypoint ?? undefined,
  Cmd: config.Cmd ?? undefined,
  Volumes: setOf(config.Volumes),
  WorkingDir: config.WorkingDir,
  Labels: config.Labels ?? undefined,
  StopSignal: config.StopSignal,
  Healthcheck: config.Healthcheck ?? undefined,
  OnBuild: config.OnBuild ?? undefined,
  Shell: config.Shell ?? undefined,
});

/** Holds a running container still while its files are read. */
const pausedWhile = async <T>(
  context: EngineContext,
  container: Container,
  wanted: boolean,
  act: () => Promise<T>,
): Promise<T> => {
  if (!wanted || container.record.state.kind !== 'running') return act();
  await pause(context, container);
  try {
    return await act();
  } finally {
    if (isLive(container.record)) await unpause(context, container);
  }
};

/** Reads the container's files while the lease is still being made, which the layer waits for before it is recorded. */
const commitLayer = async (
  context: EngineContext,
  container: Container,
  { pause: pauseIt, leasing }: { readonly pause: boolean; readonly leasing: Promise<Lease> },
): Promise<LayerInfo | undefined> => {
  const lease: LayerLease = { protect: async () => void (await leasing) };
  const ignore = ignoredPaths(container.record);
  return pausedWhile(context, container, pauseIt, () =>
    snapshotOf(context, container).commit({ ignore, lease }),
  );
};

const configOf = (
  base: ImageConfig,
  container: Container,
  layer: LayerInfo | undefined,
  options: CommitOptions,
): ImageConfig => {
  const created = nowText();
  const { record } = container;
  const own = toImageConfig(record.config);
  const merged = options.config === undefined ? own : toImageConfig(mergeConfig(options.config, own));
  const entry: HistoryEntry = {
    created,
    createdBy: (record.config.Cmd ?? []).join(' '),
    author: options.author,
    comment: options.message,
    emptyLayer: layer === undefined,
  };
  return {
    ...base,
    created,
    author: options.author,
    comment: options.message,
    config: applyChanges(merged, options.changes ?? []),
    rootfs: { diffIds: [...base.rootfs.diffIds, ...(layer === undefined ? [] : [layer.diffId])] },
    history: [...base.history, entry],
  };
};

const commitUnder = async (
  context: EngineContext,
  container: Container,
  { leasing, ...options }: CommitOptions & { readonly leasing: Promise<Lease> },
): Promise<{ readonly imageId: string }> => {
  const { record } = container;
  const base = await context.library.resolve(record.imageId);
  const layer = await commitLayer(context, container, { pause: options.pause ?? true, leasing });
  const { reference = '' } = options;
  const image = await context.library.createImage({
    config: configOf(base.config, container, layer, options),
    tags: reference === '' ? [] : [reference],
    parent: record.imageId,
    lease: await leasing,
  });
  emitContainer(context, container, 'commit', {
    comment: options.message ?? '',
    imageID: image.id,
    imageRef: reference,
  });
  return { imageId: image.id };
};

/** Makes an image of what a container changed; its layer is stored once and never compressed here. */
export const commit = async (
  context: EngineContext,
  container: Container,
  options: CommitOptions = {},
): Promise<{ readonly imageId: string }> => {
  applyChanges({}, options.changes ?? []);
  const label = `commit of ${container.record.name}`;
  const leasing = context.library.lease({ label, everything: true });
  leasing.catch(() => undefined);
  try {
    return await commitUnder(context, container, { ...options, leasing });
  } finally {
    await (await leasing)[Symbol.asyncDispose]();
  }
};
