import { binarySize } from '#console';

/** One thing that goes, or stays. */
export interface KeepingItem {
  readonly kind: 'tag' | 'manifest' | 'blob';
  readonly repository: string;
  readonly tag?: string;
  readonly digest: string;
  readonly size?: number;
  readonly reason: string;
  readonly last?: boolean;
}

export interface PlanSummary {
  readonly id: string;
  readonly totals: {
    readonly tags: number;
    readonly manifests: number;
    readonly blobs: number;
    readonly bytes: number;
    readonly freed: number;
    readonly protectedBlobs: number;
    readonly protectedBytes: number;
  };
}

/** A line of a plan. */
export interface PlanLine {
  readonly goes?: KeepingItem;
  readonly stays?: KeepingItem;
  readonly plan?: PlanSummary;
}

export interface RunSummary {
  readonly result?: {
    readonly removal?: string;
    readonly tags: number;
    readonly manifests: number;
    readonly blobs: number;
    readonly bytes: number;
    readonly spared: number;
  };
}

/** `manifest  repository@sha256:…  12kB  reason`. */
export const itemLine = (item: KeepingItem): string => {
  const name =
    item.tag === undefined ? `${item.repository}@${item.digest}` : `${item.repository}:${item.tag}`;
  const size = item.size === undefined ? '' : binarySize(item.size);
  return [item.kind, name, size, item.reason].join('\t');
};
