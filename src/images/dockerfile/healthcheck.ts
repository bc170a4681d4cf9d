import type { Healthcheck } from '#oci';
import type { HealthcheckInstruction } from './types.ts';

/** What HEALTHCHECK sets in a configuration. Times that are not given are left to whoever runs the image. */
export const healthcheckOf = (instruction: HealthcheckInstruction): Healthcheck => ({
  Test: instruction.test,
  ...(instruction.interval === 0 ? {} : { Interval: instruction.interval }),
  ...(instruction.timeout === 0 ? {} : { Timeout: instruction.timeout }),
  ...(instruction.startPeriod === 0 ? {} : { StartPeriod: instruction.startPeriod }),
  ...(instruction.startInterval === 0 ? {} : { StartInterval: instruction.startInterval }),
  ...(instruction.retries === 0 ? {} : { Retries: instruction.retries }),
});
