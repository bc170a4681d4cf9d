import type { Container } from './container.ts';
import { emitContainer, type EngineContext } from './context.ts';
import { engineErrors } from './errors.ts';
import { checkHostConfig, warningsOf } from './host-config.ts';
import { isLive } from './record.ts';
import { resourcesOf } from './spec-input.ts';
import type { HostConfig } from './wire-types.ts';

/** What can be changed of a container that is there already. */
const LIMITS = [
  'Memory',
  'MemoryReservation',
  'MemorySwap',
  'NanoCpus',
  'CpuShares',
  'CpuPeriod',
  'CpuQuota',
  'CpusetCpus',
  'CpusetMems',
  'PidsLimit',
] as const satisfies readonly (keyof HostConfig)[];

const isSaid = (value: unknown): boolean =>
  value !== undefined &&
  value !== null &&
  value !== 0 &&
  value !== '' &&
  value !== false &&
  (typeof value !== 'object' || Object.keys(value).length > 0);

const limitsOf = (change: HostConfig): HostConfig =>
  Object.fromEntries(LIMITS.map((name) => [name, change[name]]).filter(([, value]) => isSaid(value)));

const checkFields = (change: HostConfig): void => {
  const odd = Object.entries(change).find(
    ([name, value]) => isSaid(value) && name !== 'RestartPolicy' && !LIMITS.some((limit) => limit === name),
  );
  if (odd !== undefined) {
    throw engineErrors.unsupportedOption({
      option: `an update of HostConfig.${odd[0]}`,
      reason: 'make a new container with it',
    });
  }
};

/** Changes limits, also of a running container, and the restart policy. What is absent or zero stays as it is. */
export const update = (
  context: EngineContext,
  container: Container,
  change: HostConfig,
): Promise<readonly string[]> =>
  container.queue.run(async () => {
    checkFields(change);
    const { hostConfig: before } = container.record;
    const limits = limitsOf(change);
    const policy = change.RestartPolicy?.Name ? { RestartPolicy: change.RestartPolicy } : {};
    const hostConfig = { ...before, ...limits, ...policy };
    checkHostConfig(hostConfig, context.runtime.name);
    if (isLive(container.record) && Object.keys(limits).length > 0) {
      await context.runtime.update(container.id, resourcesOf(hostConfig, context.runtime.host));
    }
    await context.containers.save(container, { hostConfig });
    emitContainer(context, container, 'update');
    return warningsOf(limits, context.runtime.host);
  });
