import type { ContainerSummary, VolumeInspect } from '#engine';
import type { StackDifference } from '#layers';
import type { ImageDiff, ImageInspect, ImageSummary, Removal } from '#library';
import type { CheckReport, DiskUsage, SpaceAccount } from '#system';

/** GET /version. */
export interface VersionAnswer {
  readonly Platform: { readonly Name: string };
  readonly Components: readonly {
    readonly Name: string;
    readonly Version: string;
    readonly Details?: Readonly<Record<string, string>> | undefined;
  }[];
  readonly Version: string;
  readonly ApiVersion: string;
  readonly MinAPIVersion: string;
  readonly GitCommit: string;
  readonly GoVersion: string;
  readonly Os: string;
  readonly Arch: string;
  readonly KernelVersion: string;
  readonly Experimental?: boolean | undefined;
  readonly BuildTime: string;
}

/** GET /info: the fields that are always there; the rest is in the reference. */
export interface InfoAnswer {
  readonly ID: string;
  readonly Containers: number;
  readonly ContainersRunning: number;
  readonly ContainersPaused: number;
  readonly ContainersStopped: number;
  readonly Images: number;
  readonly Driver: string;
  readonly DriverStatus: readonly (readonly [string, string])[];
  readonly DockerRootDir: string;
  readonly ServerVersion: string;
  readonly Name: string;
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly OperatingSystem: string;
  readonly OSType: string;
  readonly Architecture: string;
  readonly KernelVersion: string;
  readonly CgroupVersion: string;
  readonly Warnings: readonly string[];
  readonly [field: string]: unknown;
}

/** One of GET /images/json; the virtual size is the size, under the name that older clients read. */
export type ImageSummaryAnswer = ImageSummary & { readonly VirtualSize?: number | undefined };

/** GET /images/{name}/json: the configuration has all fields that Docker always shows. */
export type ImageInspectAnswer = Omit<ImageInspect, 'Config'> & {
  readonly Config: Readonly<Record<string, unknown>>;
  readonly VirtualSize?: number | undefined;
  readonly Container?: string | undefined;
  readonly ContainerConfig?: Readonly<Record<string, unknown>> | undefined;
};

/** One of DELETE /images/{name}. */
export interface ImageDeleteAnswer {
  readonly Untagged?: string | undefined;
  readonly Deleted?: string | undefined;
}

/** A line of the progress that pull, push, load, import and build answer. */
export interface ProgressLine {
  readonly stream?: string | undefined;
  readonly status?: string | undefined;
  readonly id?: string | undefined;
  readonly progress?: string | undefined;
  readonly progressDetail?:
    | { readonly current?: number | undefined; readonly total?: number | undefined }
    | undefined;
  readonly aux?: unknown;
  readonly error?: string | undefined;
  readonly errorDetail?:
    | {
        readonly code?: number | undefined;
        readonly message: string;
        /** What to do next; Docker has none. */
        readonly hint?: string | undefined;
      }
    | undefined;
}

/** A line of GET /events. */
export interface EventAnswer {
  readonly status?: string | undefined;
  readonly id?: string | undefined;
  readonly from?: string | undefined;
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly scope: 'local';
  /** Seconds since 1970. */
  readonly time: number;
  readonly timeNano: number;
}

/** GET /networks/{id}; `Containers` is empty in lists. */
export interface NetworkAnswer {
  readonly Name: string;
  readonly Id: string;
  readonly Created: string;
  readonly Scope: string;
  readonly Driver: string;
  readonly EnableIPv4: boolean;
  readonly EnableIPv6: boolean;
  readonly IPAM: {
    readonly Driver: string;
    readonly Options: Readonly<Record<string, string>> | null;
    readonly Config: readonly { readonly Subnet: string; readonly Gateway?: string | undefined }[];
  };
  readonly Internal: boolean;
  readonly Attachable: boolean;
  readonly Ingress: boolean;
  readonly ConfigFrom: { readonly Network: string };
  readonly ConfigOnly: boolean;
  readonly Containers: Readonly<
    Record<
      string,
      {
        readonly Name: string;
        readonly EndpointID: string;
        readonly MacAddress: string;
        readonly IPv4Address: string;
        readonly IPv6Address: string;
      }
    >
  >;
  readonly Options: Readonly<Record<string, string>>;
  readonly Labels: Readonly<Record<string, string>>;
}

/** GET /system/df. */
export interface DiskUsageAnswer {
  readonly LayersSize: number;
  readonly Images: readonly ImageSummaryAnswer[];
  readonly Containers: readonly ContainerSummary[];
  readonly Volumes: readonly VolumeInspect[];
  readonly BuildCache: readonly BuildCacheAnswer[];
}

export interface BuildCacheAnswer {
  readonly ID: string;
  readonly Type: string;
  readonly Description: string;
  readonly InUse: boolean;
  readonly Shared: boolean;
  readonly Size: number;
  readonly CreatedAt: string;
  readonly LastUsedAt: string | null;
  readonly UsageCount: number;
}

/** POST /containers/{id}/wait. */
export interface WaitAnswer {
  readonly StatusCode: number;
  readonly Error?: { readonly Message: string } | undefined;
}

/** POST /auth. */
export interface AuthAnswer {
  readonly Status: string;
  readonly IdentityToken: string;
}

/** A manifest with its bytes, base64. */
export interface SeenManifestAnswer {
  readonly reference: string;
  /** An OCI descriptor. */
  readonly descriptor: Readonly<Record<string, unknown>>;
  readonly raw: string;
}

/** GET /lade/v1/manifests/inspect. */
export interface InspectedListAnswer extends SeenManifestAnswer {
  readonly parts: readonly SeenManifestAnswer[];
}

/** How much was found by GET /lade/v1/images/diff; bytes of files. */
export interface DiffTotals {
  readonly added: { readonly count: number; readonly bytes: number };
  readonly removed: { readonly count: number; readonly bytes: number };
  readonly changed: { readonly count: number; readonly bytesBefore: number; readonly bytesAfter: number };
}

/** A line of GET /lade/v1/images/diff: the images first, the totals last. */
export type DiffLine =
  | ({ readonly kind: 'images' } & Omit<ImageDiff, 'files'>)
  | { readonly kind: 'files'; readonly files: readonly StackDifference[] }
  | { readonly kind: 'totals'; readonly totals: DiffTotals };

/** The body of every error. `code` and `hint` are Lade's own additions. */
export interface ErrorAnswer {
  readonly message: string;
  readonly code?: string | undefined;
  readonly hint?: string | undefined;
}

/** GET /lade/v1/info. */
export interface LadeInfoAnswer {
  readonly version: string;
  readonly root: string;
  readonly pid: number;
  readonly startedAt: string;
  readonly layerBackend: string;
  readonly addresses: readonly string[];
  /** `BOOT_ID MOUNT_NAMESPACE` (/proc/sys/kernel/random/boot_id, link /proc/self/ns/mnt): a client with the same ones
   * may name build contexts by path. */
  readonly machineId: string;
}

/** POST /lade/v1/images/prune: what went, or with `dryRun` the names of what would go; bytes. */
export interface ImagePruneAnswer {
  readonly names: readonly string[];
  readonly removals: readonly Removal[];
  readonly reclaimed: number;
  readonly held: number;
}

/** GET /lade/v1/system/df; `account` with `verbose`. */
export type SpaceAnswer = DiskUsage & { readonly account?: SpaceAccount | undefined };

/** One line of POST /lade/v1/system/check; the last one is the report or Docker's error line. */
export type CheckLine =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | { readonly kind: 'report'; readonly report: CheckReport };

/** One of GET /lade/v1/caches: a cache of `RUN --mount=type=cache`. */
export interface CacheMountAnswer {
  /** Names this one. */
  readonly key: string;
  /** As `id=` names it. */
  readonly id: string;
  readonly sharing: 'shared' | 'private' | 'locked';
  /** 0, or which further copy of a private cache this is. */
  readonly number: number;
  /** Whether it began with files of an image or a stage. */
  readonly seeded: boolean;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly usedAt: string;
  readonly uses: number;
  readonly sizeBytes: number;
  readonly inUse: boolean;
}

/** GET /lade/v1/shells/{shell}. */
export interface ShellExitAnswer {
  readonly exitCode: number;
}
