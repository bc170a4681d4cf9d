/** Limits of one RUN step. Absent means unlimited; the names are those of the Engine API. */
export interface ResourceLimits {
  readonly memoryBytes?: number | undefined;
  /** Memory and swap together; -1 is unlimited swap. */
  readonly memorySwapBytes?: number | undefined;
  readonly cpuShares?: number | undefined;
  readonly cpuQuotaUs?: number | undefined;
  readonly cpuPeriodUs?: number | undefined;
  /** Such as `0-2,4`. */
  readonly cpusetCpus?: string | undefined;
  readonly cpusetMems?: string | undefined;
  readonly ulimits?:
    | readonly { readonly name: string; readonly soft: number; readonly hard: number }[]
    | undefined;
  readonly cgroupParent?: string | undefined;
}
