import type { ImageId } from '#oci';
import type { Propagation } from './mount-plan.ts';
import type { ContainerState } from './types.ts';
import type { ContainerConfig, EndpointRequest, HealthInspect, HostConfig } from './wire-types.ts';

/** A mount as it was settled when the container was made. */
export type MountRecord =
  | {
      readonly kind: 'bind';
      readonly source: string;
      readonly target: string;
      readonly readonly: boolean;
      readonly mode: string;
      readonly propagation: Propagation;
      readonly recursive: boolean;
    }
  | {
      readonly kind: 'volume';
      readonly name: string;
      /** The volume's data directory. */
      readonly source: string;
      readonly target: string;
      readonly readonly: boolean;
      readonly mode: string;
      /** Made for this container without a name: removed with it where that is asked for. */
      readonly anonymous: boolean;
    }
  | { readonly kind: 'tmpfs'; readonly target: string; readonly options: readonly string[] };

/** Everything durable of one container; a value, replaced as a whole. */
export interface ContainerRecord {
  readonly id: string;
  readonly name: string;
  /** RFC 3339. */
  readonly created: string;
  readonly imageId: ImageId;
  /** The image as the creator named it. */
  readonly imageName: string;
  /** Uncompressed bytes of the image. */
  readonly imageSize: number;
  /** Operating system of the image. */
  readonly platform: string;
  /** With what the image adds. */
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  /** Wanted networks by name. */
  readonly networks: Readonly<Record<string, EndpointRequest>>;
  readonly mounts: readonly MountRecord[];
  readonly state: ContainerState;
  readonly restartCount: number;
  /** Somebody stopped it, so that no policy starts it again. */
  readonly stoppedByUser: boolean;
  readonly health: HealthInspect | undefined;
}

/** Whether processes of it exist. */
export const isLive = (record: ContainerRecord): boolean =>
  record.state.kind === 'running' || record.state.kind === 'paused';

/** The state by Docker's word. */
export const statusWord = (
  record: ContainerRecord,
): 'created' | 'running' | 'paused' | 'restarting' | 'exited' | 'dead' =>
  record.state.kind === 'exited' && record.state.restarting ? 'restarting' : record.state.kind;
