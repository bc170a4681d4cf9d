import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { toLadeError } from '#errors';
import type { Snapshot } from '#layers';
import type { Container } from './container.ts';
import { emitContainer, filesOf, type EngineContext } from './context.ts';
import { engineErrors } from './errors.ts';
import { checkConfig, checkHostConfig, warningsOf } from './host-config.ts';
import { mergeConfig } from './merge-config.ts';
import { planMounts, type MountWish } from './mount-plan.ts';
import { generateName, isValidName } from './names.ts';
import {
  checkSharedNetwork,
  hostnameOf,
  modeOf,
  networkOwner,
  wantedNetworks,
  withNetworkNames,
} from './networking.ts';
import { portRequestsOf } from './published-ports.ts';
import type { EngineImage } from './ports.ts';
import type { ContainerRecord } from './record.ts';
import { parseSecurityOptions } from './security-options.ts';
import { inheritedMounts, settleMounts } from './settle-mounts.ts';
import { signalNumber } from './signals.ts';
import { nowText } from './time.ts';
import type { CreateContainerOptions, CreatedContainer } from './types.ts';
import { removeOrphanedVolumes } from './volumes.ts';
import type { HostConfig } from './wire-types.ts';

const newId = (): string => randomBytes(32).toString('hex');

const reserveName = (context: EngineContext, wanted: string | undefined, id: string): string => {
  const given = wanted?.replace(/^\//, '') ?? '';
  if (given !== '' && !isValidName(given)) throw engineErrors.invalidName({ name: given });
  const name =
    given === '' ? generateName((candidate) => context.containers.byName(candidate) !== undefined) : given;
  context.containers.reserve(name, id);
  return name;
};

/** What Docker shows for options that were left to their defaults. */
const withDefaults = (host: HostConfig): HostConfig => ({
  ...host,
  NetworkMode:
    host.NetworkMode === undefined || host.NetworkMode === '' || host.NetworkMode === 'default'
      ? 'bridge'
      : host.NetworkMode,
  LogConfig: { Type: 'json-file', Config: {} },
  RestartPolicy: {
    Name: host.RestartPolicy?.Name || 'no',
    MaximumRetryCount: host.RestartPolicy?.MaximumRetryCount ?? 0,
  },
  ShmSize: host.ShmSize || 64 * 1024 * 1024,
  IpcMode: host.IpcMode || 'private',
  CgroupnsMode: host.CgroupnsMode ?? '',
  Runtime: host.Runtime || 'runc',
});

/** A container that shares another's network has its name too. */
const withSharedName = (context: EngineContext, record: ContainerRecord): ContainerRecord => {
  const owner = networkOwner(context, record);
  return owner === undefined
    ? record
    : { ...record, config: { ...record.config, Hostname: hostnameOf(owner.record) } };
};

/** Finds every fault that can be found before anything is made. Networks may still be made before the start. */
const checkRecord = (context: EngineContext, record: ContainerRecord): void => {
  const { config, hostConfig } = record;
  portRequestsOf(config, hostConfig);
  parseSecurityOptions(hostConfig.SecurityOpt);
  if ((config.StopSignal ?? '') !== '') signalNumber(config.StopSignal ?? '');
  const mode = modeOf(hostConfig);
  if (mode.kind === 'container') context.containers.find(mode.container);
  const directory = config.WorkingDir ?? '';
  if (directory !== '' && !directory.startsWith('/')) {
    throw engineErrors.invalidConfig({
      reason: `the working directory '${directory}' is invalid, it needs to be an absolute path`,
    });
  }
};

/** To a client, "not found" means that the image is missing: it would pull it. Another container is an option's value. */
const asCreateError = (error: unknown): unknown =>
  engineErrors.containerNotFound.is(error)
    ? engineErrors.invalidConfig({ reason: toLadeError(error).message }, error)
    : error;

const recordOf = (
  options: CreateContainerOptions,
  given: {
    readonly id: string;
    readonly name: string;
    readonly image: EngineImage;
    readonly host: HostConfig;
  },
): ContainerRecord => {
  const { image, host } = given;
  return {
    id: given.id,
    name: given.name,
    created: nowText(),
    imageId: image.id,
    imageName: options.config.Image ?? '',
    imageSize: image.size,
    platform: image.config.os,
    config: mergeConfig(options.config, image.config.config),
    hostConfig: withDefaults(host),
    networks: wantedNetworks(host, options.networkingConfig),
    mounts: [],
    state: { kind: 'created', exitCode: 0, error: '' },
    restartCount: 0,
    stoppedByUser: false,
    health: undefined,
  };
};

/** Takes back what a failed creation made. */
const undo = async (
  context: EngineContext,
  record: ContainerRecord,
  snapshot: Snapshot | undefined,
): Promise<void> => {
  await snapshot?.remove();
  await context.library.release({ kind: 'container', id: record.id });
  await removeOrphanedVolumes(context, (id) => id === record.id);
  await rm(filesOf(context, record.id).directory, { recursive: true, force: true });
};

const build = async (
  context: EngineContext,
  record: ContainerRecord,
  given: { readonly image: EngineImage; readonly wishes: readonly MountWish[] },
): Promise<Container> => {
  const { image } = given;
  let snapshot: Snapshot | undefined;
  try {
    const [made] = await Promise.all([
      context.layers.createSnapshot({
        id: record.id,
        layers: image.config.rootfs.diffIds,
        kind: 'container',
        // A container of `--rm` is removed after a crash of the machine, too.
        ephemeral: record.hostConfig.AutoRemove === true,
      }),
      context.library.hold(image.id, { kind: 'container', id: record.id, label: record.name }),
    ]);
    snapshot = made;
    const mounts = await settleMounts(context, given.wishes, made);
    return await context.containers.insert({ ...record, mounts });
  } catch (error) {
    await undo(context, record, snapshot);
    throw error;
  }
};

/** Makes a container that can be started; nothing of it is left on failure. */
export const create = async (
  context: EngineContext,
  options: CreateContainerOptions,
): Promise<CreatedContainer> => {
  const host = options.hostConfig ?? {};
  checkConfig(options.config);
  checkHostConfig(host, context.runtime.name);
  checkSharedNetwork(options.config, host);
  const image = await context.library.prepare(options.config.Image ?? '', { platform: options.platform });
  const id = newId();
  const name = reserveName(context, options.name, id);
  try {
    const made = recordOf(options, { id, name, image, host });
    const named = { ...made, networks: withNetworkNames(context, made.networks) };
    const record = withSharedName(context, named);
    checkRecord(context, record);
    const from = inheritedMounts(host, (other) => context.containers.find(other).record);
    const wishes = planMounts(record.config, host, from);
    const container = await build(context, record, { image, wishes });
    emitContainer(context, container, 'create');
    return { id, warnings: warningsOf(host, context.runtime.host) };
  } catch (error) {
    context.containers.giveUp(name);
    throw asCreateError(error);
  }
};
