import type { Database } from '#database';
import type { Emit } from '#events';
import type { LayerStore } from '#layers';
import type { ImageConfig, ImageId } from '#oci';
import type { Networks } from '#network';
import type { Runtime } from '#runtime';
import type { Lease } from '#store';
import type { EngineEvent } from './types.ts';

/** What the engine needs to know of an image. */
export interface EngineImage {
  readonly id: ImageId;
  readonly config: ImageConfig;
  /** Uncompressed bytes. */
  readonly size: number;
}

/** The part of the library that the engine uses. */
export interface EngineImages {
  /** By reference, ID or prefix. Errors: `not-found` in Docker's words. */
  resolve(
    name: string,
    options?: { readonly platform?: string | undefined },
  ): EngineImage | Promise<EngineImage>;
  /** The same of an image that a container is made of: its layers are unpacked then. `unsupported` where it cannot run. */
  prepare(name: string, options?: { readonly platform?: string | undefined }): Promise<EngineImage>;
  /** Stores an image whose layers are stored already. */
  createImage(image: {
    readonly config: ImageConfig;
    readonly tags?: readonly string[] | undefined;
    readonly parent?: ImageId | undefined;
    /** Protects its layers; one of its own unless given. */
    readonly lease?: Lease | undefined;
  }): Promise<{ readonly id: ImageId }>;
  /** Keeps the image from being deleted. */
  hold(
    id: ImageId,
    holder: { readonly kind: string; readonly id: string; readonly label?: string | undefined },
  ): Promise<void>;
  release(holder: { readonly kind: string; readonly id: string }): Promise<void>;
  /** Who holds images now. */
  readonly holds: {
    heldBy(kind: string): readonly { readonly holder: { readonly id: string } }[];
  };
  /** Keeps layers that are being made. */
  lease(options: { readonly label: string; readonly everything?: boolean | undefined }): Promise<Lease>;
}

export type EngineLayers = Pick<LayerStore, 'backend' | 'createSnapshot' | 'snapshot' | 'snapshots'>;

export type EngineNetworks = Pick<
  Networks,
  | 'attach'
  | 'createNamespace'
  | 'detach'
  | 'disconnect'
  | 'endpoints'
  | 'hostsFile'
  | 'inspect'
  | 'namespacePath'
  | 'removeNamespace'
  | 'rename'
  | 'resolvConf'
  | 'sweep'
>;

export interface EngineDeps {
  readonly root: { readonly path: string; readonly database: Database };
  readonly library: EngineImages;
  readonly layers: EngineLayers;
  readonly runtime: Runtime;
  readonly networks: EngineNetworks;
  readonly emit?: Emit<EngineEvent> | undefined;
}
