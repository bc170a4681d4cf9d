import { resolveUser, toRuntimeSpec, type HostFacts, type MountInput, type RuntimeSpec } from '#runtime';
import type { RunOperation } from './operations.ts';
import type { StepNetwork } from './run-network.ts';
import type { ResourceLimits } from './types.ts';

/** BuildKit's own; `BUILDKIT_SANDBOX_HOSTNAME` gives another. */
export const STEP_HOSTNAME = 'buildkitsandbox';

/** More processes than a build needs, fewer than a machine has numbers for: a step that forks without end is alone. */
const MAX_PROCESSES = 16_384;

/** Everything a step's process is started with. */
export interface PreparedStep {
  readonly mounts: readonly MountInput[];
  readonly env: ReadonlyMap<string, string>;
  readonly network: StepNetwork;
  readonly hostname: string;
  readonly limits: ResourceLimits;
  readonly shmSizeBytes: number | undefined;
}

/** What runs instead of the step's own command, such as a shell. */
export interface SpecCommand {
  readonly args: readonly string[];
  readonly terminal: boolean;
  readonly consoleSize?: { readonly rows: number; readonly cols: number } | undefined;
}

const resourcesOf = (limits: ResourceLimits) => ({
  memoryBytes: limits.memoryBytes,
  memorySwapBytes: limits.memorySwapBytes,
  cpuShares: limits.cpuShares,
  cpuQuota: limits.cpuQuotaUs,
  cpuPeriod: limits.cpuPeriodUs,
  cpusetCpus: limits.cpusetCpus,
  cpusetMems: limits.cpusetMems,
  pids: MAX_PROCESSES,
});

/** The runtime specification of a RUN step in a mounted root. */
export const stepSpec = (
  place: { readonly id: string; readonly rootfs: string; readonly host: HostFacts },
  operation: RunOperation,
  prepared: PreparedStep,
  ...[command]: readonly [SpecCommand?]
): RuntimeSpec => {
  const { limits, hostname, network } = prepared;
  const written = Array.from(prepared.env, ([name, value]) => `${name}=${value}`);
  return toRuntimeSpec(
    {
      id: place.id,
      rootfs: place.rootfs,
      process: {
        args: command?.args ?? operation.args,
        // A step knows its host's name, but not by a variable.
        env: ['HOSTNAME', ...written],
        cwd: operation.workdir,
        user: resolveUser(place.rootfs, operation.user),
        terminal: command?.terminal,
        consoleSize: command?.consoleSize,
      },
      hostname,
      network: network.input,
      mounts: prepared.mounts,
      shmSizeBytes: prepared.shmSizeBytes,
      privileged: operation.security === 'insecure',
      rlimits: limits.ulimits,
      resources: resourcesOf(limits),
      cgroupParent: limits.cgroupParent,
    },
    place.host,
  );
};

/** A command in the place of one that failed: the same environment, mounts, user, network and rights. */
export const debugSpec = (
  place: { readonly id: string; readonly rootfs: string; readonly host: HostFacts },
  failed: { readonly operation: RunOperation; readonly prepared: PreparedStep },
  command: SpecCommand,
): RuntimeSpec => stepSpec(place, failed.operation, failed.prepared, command);
