import type { Policies } from './policy-types.ts';
import type { Quotas } from './quotas.ts';
import { compileTagRules } from './tag-policy.ts';

/** Rules of tags and quotas; none until they are configured. */
export const createPolicies = (quotas: Quotas): Policies => {
  let judge = compileTagRules([]);
  return {
    configure: async ({ writeOnce = [], quotas: limits = [] }) => {
      const next = compileTagRules(writeOnce);
      await quotas.configure(limits);
      judge = next;
    },
    tag: (repository, tag) => judge(repository, tag),
    quotas: () => quotas.usage(),
    quotasOf: (repository) => quotas.of(repository),
    requireRoom: (repository, bytes) => quotas.requireRoom(repository, bytes),
  };
};
