import { existsSync } from 'node:fs';
import type { Snapshot } from '#layers';
import { makeDirectories } from '#sys';
import type { EngineContext } from './context.ts';
import { copyUp } from './copy-up.ts';
import { engineErrors } from './errors.ts';
import type { MountWish } from './mount-plan.ts';
import type { ContainerRecord, MountRecord } from './record.ts';
import type { HostConfig } from './wire-types.ts';
import { createVolume } from './volumes.ts';

const settleBind = (wish: MountWish & { readonly kind: 'bind' }): MountRecord => {
  if (!existsSync(wish.source)) {
    if (!wish.createSource) throw engineErrors.bindSourceMissing({ path: wish.source });
    makeDirectories(wish.source);
  }
  const { createSource: _, ...record } = wish;
  return record;
};

const settleVolume = async (
  context: EngineContext,
  wish: MountWish & { readonly kind: 'volume' },
  containerId: string,
): Promise<MountRecord> => {
  const volume = await createVolume(
    context,
    { Name: wish.name, Labels: wish.labels, DriverOpts: wish.driverOptions },
    wish.name === undefined ? containerId : undefined,
  );
  return {
    kind: 'volume',
    name: volume.name,
    source: context.volumes.dataPath(volume.name),
    target: wish.target,
    readonly: wish.readonly,
    mode: wish.mode,
    anonymous: wish.name === undefined,
  };
};

const settle = async (context: EngineContext, wish: MountWish, containerId: string): Promise<MountRecord> => {
  if (wish.kind === 'tmpfs') return wish;
  return wish.kind === 'bind' ? settleBind(wish) : settleVolume(context, wish, containerId);
};

/** Makes what the wanted mounts need: volumes, with the image's content where they are new, and directories. */
export const settleMounts = async (
  context: EngineContext,
  wishes: readonly MountWish[],
  snapshot: Snapshot,
): Promise<readonly MountRecord[]> => {
  const records: MountRecord[] = [];
  for (const wish of wishes) records.push(await settle(context, wish, snapshot.id));
  const fillable = wishes.flatMap((wish, index) => {
    const record = records[index];
    return wish.kind === 'volume' && record?.kind === 'volume' && !wish.noCopy ? [record] : [];
  });
  if (fillable.length === 0) return records;
  const rootfs = await snapshot.mount();
  try {
    for (const { target, source } of fillable) await copyUp(rootfs, target, source);
  } finally {
    await snapshot.unmount();
  }
  return records;
};

const asWish = (mount: MountRecord, readonly: boolean | undefined): MountWish => {
  if (mount.kind === 'tmpfs') return mount;
  const common = { target: mount.target, readonly: readonly ?? mount.readonly, mode: mount.mode };
  return mount.kind === 'bind'
    ? { ...mount, ...common, createSource: false }
    : { kind: 'volume', name: mount.name, ...common, noCopy: true, labels: {}, driverOptions: {} };
};

/** The mounts of `--volumes-from NAME[:ro|rw]`. */
export const inheritedMounts = (
  host: HostConfig,
  find: (name: string) => ContainerRecord,
): readonly MountWish[] =>
  (host.VolumesFrom ?? []).flatMap((entry) => {
    const [name = '', mode = ''] = entry.split(':');
    if (!['', 'ro', 'rw', 'z', 'Z'].includes(mode)) {
      throw engineErrors.invalidConfig({ reason: `invalid mode for volumes-from: ${mode}` });
    }
    const readonly = mode === 'ro' ? true : undefined;
    return find(name)
      .mounts.filter(({ kind }) => kind !== 'tmpfs')
      .map((mount) => asWish(mount, readonly));
  });
