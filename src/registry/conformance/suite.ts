import { isLadeError, toLadeError } from '#errors';
import { apiChecks } from './checks/api.ts';
import { dataSetChecks } from './checks/data-set-checks.ts';
import { managementChecks } from './checks/management.ts';
import { pullChecks } from './checks/pull.ts';
import { pushBlobChecks } from './checks/push-blobs.ts';
import { pushManifestChecks } from './checks/push-manifests.ts';
import { referrerChecks } from './checks/referrers.ts';
import { tagChecks } from './checks/tags.ts';
import { uploadWayChecks } from './checks/upload-ways.ts';
import { conformanceErrors } from './errors.ts';
import { createProbe } from './probe.ts';
import type { Check, CheckResult, ConformanceOptions, Probe } from './types.ts';

/** Every check, in the order of the specification. */
export const conformanceChecks: readonly Check[] = [
  ...pullChecks,
  ...pushBlobChecks,
  ...uploadWayChecks,
  ...pushManifestChecks,
  ...dataSetChecks,
  ...tagChecks,
  ...referrerChecks,
  ...managementChecks,
  ...apiChecks,
];

const resultOf = async ({ run, ...check }: Check, registry: Probe): Promise<CheckResult> => {
  try {
    await run(registry);
    return { ...check, outcome: 'passed', reason: undefined };
  } catch (error) {
    const reason = toLadeError(error).message;
    const outcome = conformanceErrors.unsupported.is(error) ? 'unsupported' : 'failed';
    return { ...check, outcome, reason };
  }
};

const demandRegistry = async (registry: Probe, { url }: ConformanceOptions): Promise<void> => {
  try {
    await registry.call('GET', '/v2/');
  } catch (error) {
    if (isLadeError(error, 'cancelled')) throw error;
    throw conformanceErrors.unreachable({ url, reason: toLadeError(error).message }, error);
  }
};

/**
 * Puts a registry to the test, one check after the other. Everything is pushed to repositories of their own; manifests
 * are deleted at the end, and blobs are left to the registry's own collection.
 *
 * @throws CONFORMANCE_UNREACHABLE when nobody answers at the URL
 */
export async function* runConformance(options: ConformanceOptions): AsyncGenerator<CheckResult> {
  await using registry = createProbe(options);
  await demandRegistry(registry, options);
  for (const check of conformanceChecks) {
    options.signal?.throwIfAborted();
    if (check.id.startsWith(options.only ?? '')) yield await resultOf(check, registry);
  }
}
