import type { Logger } from 'pino';
import type { AdoptionReport, AdoptRequest } from '#adoption';
import type { Builder } from '#builder';
import type { Credentials, HostsConfiguration, RegistryClient } from '#distribution';
import type { Engine } from '#engine';
import type { LayerStore } from '#layers';
import type { Emit } from '#events';
import type { Library, LibraryEvent } from '#library';
import type { Networks } from '#network';
import type { Runtime } from '#runtime';
import type { Keeper, Settings, System } from '#system';
import type { BuildDefaults } from './build-request.ts';
import type { EventLog } from './event-log.ts';

/** Credentials for a repository in full, such as `ghcr.io/team/app`. */
export type CredentialLookup = (repository: string) => Credentials | undefined;

/** Everything that the routes work with; made in one place (compose.ts). */
export interface DaemonParts extends AsyncDisposable {
  readonly rootPath: string;
  /** Identifies this root for ever. */
  readonly id: string;
  readonly startedAt: Date;
  readonly log: Logger;
  readonly engine: Engine;
  readonly library: Library;
  readonly layers: LayerStore;
  readonly networks: Networks;
  readonly runtime: Runtime;
  readonly system: System;
  readonly settings: Settings;
  readonly keeper: Keeper;
  readonly events: EventLog;
  readonly buildDefaults: BuildDefaults;
  /** Where the daemon listens. */
  readonly addresses: () => readonly string[];
  /** Loaded with the first build. */
  readonly builder: () => Promise<Builder>;
  /** Brings over the images of a Docker installation. */
  readonly adoptDocker: (request: AdoptRequest, emit: Emit<LibraryEvent>) => Promise<AdoptionReport>;
  /** A client of registries for one call, which disposes it. */
  readonly registryClient: (
    auth?: Credentials | CredentialLookup,
    options?: { readonly insecure?: boolean | undefined },
  ) => RegistryClient;
  /** How registries are reached, as configured now. */
  readonly registryHosts: () => HostsConfiguration | undefined;
}
