import { join } from 'node:path';
import type { Snapshot } from '#layers';
import type { Container } from './container.ts';
import type { ContainerTable } from './container-table.ts';
import { engineErrors } from './errors.ts';
import type { EngineDeps } from './ports.ts';
import { nowNs } from './time.ts';
import type { EngineEvent } from './types.ts';
import type { VolumeTable } from './volume-table.ts';

/** What all operations of one engine share. */
export interface EngineContext extends EngineDeps {
  readonly containers: ContainerTable;
  readonly volumes: VolumeTable;
  /** Set when the engine is closing: exits are then left for the next engine to find. */
  readonly closing: AbortSignal;
  /** Work behind the scenes that closing waits for. */
  readonly background: (work: Promise<unknown>) => void;
}

export interface ContainerFiles {
  readonly directory: string;
  readonly hostname: string;
  readonly hosts: string;
  readonly resolvConf: string;
  readonly log: string;
}

/** A container's own files below the root directory. */
export const filesOf = (context: Pick<EngineDeps, 'root'>, id: string): ContainerFiles => {
  const directory = join(context.root.path, 'containers', id);
  return {
    directory,
    hostname: join(directory, 'hostname'),
    hosts: join(directory, 'hosts'),
    resolvConf: join(directory, 'resolv.conf'),
    log: join(directory, 'container.log'),
  };
};

export const snapshotOf = (context: EngineContext, container: Container): Snapshot => {
  const snapshot = context.layers.snapshot(container.id);
  if (snapshot === undefined) {
    throw engineErrors.startFailed({
      name: container.record.name,
      reason: `the writable layer of container ${container.record.name} is gone`,
    });
  }
  return snapshot;
};

const send = (context: EngineContext, event: Omit<EngineEvent, 'timeNs'>): void =>
  context.emit?.({ ...event, timeNs: nowNs() });

/** Tells the world what happened to a container, with Docker's attributes. */
export const emitContainer = (
  context: EngineContext,
  container: Container,
  action: string,
  attributes: Readonly<Record<string, string>> = {},
): void => {
  const { id, name, imageName, config } = container.record;
  send(context, {
    type: 'container',
    action,
    actor: { id, attributes: { ...config.Labels, image: imageName, name, ...attributes } },
  });
};

export const emitVolume = (
  context: EngineContext,
  name: string,
  action: string,
  attributes: Readonly<Record<string, string>> = {},
): void =>
  send(context, {
    type: 'volume',
    action,
    actor: { id: name, attributes: { driver: 'local', ...attributes } },
  });

export const emitNetwork = (
  context: EngineContext,
  network: { readonly id: string; readonly name: string; readonly driver: string },
  action: string,
  container: string,
): void =>
  send(context, {
    type: 'network',
    action,
    actor: { id: network.id, attributes: { name: network.name, type: network.driver, container } },
  });
