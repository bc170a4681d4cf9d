import { randomBytes } from 'node:crypto';
import { emitVolume, type EngineContext } from './context.ts';
import { diskUsage } from './disk-usage.ts';
import type { Volumes } from './engine-types.ts';
import { engineErrors } from './errors.ts';
import { anyOf, checkFilters, hasLabels } from './filters.ts';
import { isValidName } from './names.ts';
import type { ContainerRecord } from './record.ts';
import type { Filters, PruneResult } from './types.ts';
import type { VolumeRecord } from './volume-table.ts';
import type { VolumeCreateOptions, VolumeInspect } from './wire-types.ts';

/** Docker tells anonymous volumes by this label. */
const ANONYMOUS_LABEL = 'com.docker.volume.anonymous';

export const newAnonymousName = (): string => randomBytes(32).toString('hex');

/** IDs of the containers that have this volume. */
const usersOf = (context: EngineContext, name: string): readonly string[] =>
  context.containers
    .list()
    .filter(({ record }) => record.mounts.some((mount) => mount.kind === 'volume' && mount.name === name))
    .map(({ id }) => id);

const inspectOf = (context: EngineContext, volume: VolumeRecord): VolumeInspect => ({
  CreatedAt: volume.created,
  Driver: 'local',
  Labels: Object.keys(volume.labels).length === 0 ? null : volume.labels,
  Mountpoint: context.volumes.dataPath(volume.name),
  Name: volume.name,
  Options: Object.keys(volume.options).length === 0 ? null : volume.options,
  Scope: 'local',
});

const find = (context: EngineContext, name: string): VolumeRecord => {
  const volume = context.volumes.get(name);
  if (volume === undefined) throw engineErrors.volumeNotFound({ name });
  return volume;
};

const checkCreate = (options: VolumeCreateOptions): void => {
  const { Name: name = '', Driver: driver = '' } = options;
  if (driver !== '' && driver !== 'local') {
    throw engineErrors.unsupportedOption({ option: `the volume driver ${driver}` });
  }
  if (Object.keys(options.DriverOpts ?? {}).length > 0) {
    throw engineErrors.unsupportedOption({ option: 'options of the volume driver local' });
  }
  if (name !== '' && !isValidName(name)) {
    throw engineErrors.invalidVolume({
      reason: `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    });
  }
};

/** Creates a volume, or returns the one of that name. */
export const createVolume = async (
  context: EngineContext,
  options: VolumeCreateOptions,
  madeFor?: string,
): Promise<VolumeRecord> => {
  checkCreate(options);
  const anonymous = (options.Name ?? '') === '';
  const name = anonymous ? newAnonymousName() : (options.Name ?? '');
  const labels = { ...options.Labels, ...(anonymous ? { [ANONYMOUS_LABEL]: '' } : {}) };
  const { volume, isNew } = await context.volumes.create({ name, labels, options: {}, anonymous, madeFor });
  if (isNew) emitVolume(context, name, 'create');
  return volume;
};

const removeVolume = async (context: EngineContext, name: string): Promise<void> => {
  const ids = usersOf(context, name);
  if (ids.length > 0) throw engineErrors.volumeInUse({ name, ids });
  await context.volumes.remove(name);
  emitVolume(context, name, 'destroy');
};

/** Removes what was made for this container without a name, unless another one uses it. */
export const removeAnonymousVolumes = async (
  context: EngineContext,
  record: ContainerRecord,
): Promise<void> => {
  for (const mount of record.mounts) {
    if (mount.kind !== 'volume' || !mount.anonymous) continue;
    if (context.volumes.get(mount.name) === undefined) continue;
    if (usersOf(context, mount.name).length > 0) await context.volumes.keep(mount.name);
    else await removeVolume(context, mount.name);
  }
};

/** Lets the volumes that were made for a container stay when it goes. */
export const keepAnonymousVolumes = async (
  context: EngineContext,
  record: ContainerRecord,
): Promise<void> => {
  const names = record.mounts.flatMap((mount) =>
    mount.kind === 'volume' && mount.anonymous ? [mount.name] : [],
  );
  await Promise.all(names.map((name) => context.volumes.keep(name)));
};

/** Removes the volumes that were made for containers which `isGone`: their creation or removal was cut off. */
export const removeOrphanedVolumes = async (
  context: EngineContext,
  isGone: (containerId: string) => boolean,
): Promise<void> => {
  for (const { name, madeFor } of context.volumes.list()) {
    if (madeFor === undefined || !isGone(madeFor) || usersOf(context, name).length > 0) continue;
    await removeVolume(context, name);
  }
};

const matches = (context: EngineContext, volume: VolumeRecord, filters: Filters): boolean =>
  anyOf(filters['name'], (text) => volume.name.includes(text)) &&
  anyOf(filters['driver'], (text) => text === 'local') &&
  hasLabels(volume.labels, filters['label']) &&
  anyOf(
    filters['dangling'],
    (text) => ['1', 'true'].includes(text) === (usersOf(context, volume.name).length === 0),
  );

const list = (context: EngineContext, filters: Filters): readonly VolumeInspect[] => {
  checkFilters(filters, ['name', 'driver', 'label', 'dangling']);
  return context.volumes
    .list()
    .filter((volume) => matches(context, volume, filters))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((volume) => inspectOf(context, volume));
};

const isPrunable = (volume: VolumeRecord, filters: Filters): boolean =>
  (volume.anonymous || (filters['all'] ?? []).some((text) => ['1', 'true'].includes(text))) &&
  hasLabels(volume.labels, filters['label']) &&
  ((filters['label!'] ?? []).length === 0 || !hasLabels(volume.labels, filters['label!']));

const prunable = (
  context: EngineContext,
  filters: Filters,
  without: ReadonlySet<string> = new Set(),
): readonly string[] => {
  checkFilters(filters, ['all', 'label', 'label!']);
  return context.volumes
    .list()
    .filter((volume) => isPrunable(volume, filters))
    .filter(({ name }) => usersOf(context, name).every((id) => without.has(id)))
    .map(({ name }) => name);
};

const prune = async (context: EngineContext, filters: Filters): Promise<PruneResult> => {
  const deleted: string[] = [];
  let spaceReclaimed = 0;
  for (const name of prunable(context, filters)) {
    spaceReclaimed += await diskUsage(context.volumes.dataPath(name));
    await removeVolume(context, name);
    deleted.push(name);
  }
  emitVolume(context, '', 'prune', { reclaimed: String(spaceReclaimed) });
  return { deleted, spaceReclaimed };
};

export const createVolumes = (context: EngineContext): Volumes => ({
  create: async (options) => inspectOf(context, await createVolume(context, options)),
  inspect: async (name) => inspectOf(context, find(context, name)),
  list: async (filters = {}) => list(context, filters),
  remove: async (name, options) => {
    if (options?.force === true && context.volumes.get(name) === undefined) return;
    find(context, name);
    await removeVolume(context, name);
  },
  prune: (filters = {}) => prune(context, filters),
  prunable: (filters = {}, without) => prunable(context, filters, without),
  usage: () =>
    Promise.all(
      context.volumes.list().map(async (volume) => ({
        ...inspectOf(context, volume),
        UsageData: {
          Size: await diskUsage(context.volumes.dataPath(volume.name)),
          RefCount: usersOf(context, volume.name).length,
        },
      })),
    ),
});
