import { defineErrors } from '#errors';

/** Errors of keeping. */
export const keepingErrors = defineErrors('keeping', {
  planUnknown: {
    kind: 'not-found',
    message: (p: { id: string }) => `there is no plan ${p.id}`,
    hint: 'plans are known until the registry restarts; make a new one with `lade registry gc plan`',
  },
  checkRuns: {
    kind: 'conflict',
    message: () => 'a check runs already',
    hint: 'wait for it; `lade registry check --last` shows how far it is',
  },
  planOutdated: {
    kind: 'failed-precondition',
    message: (p: { id: string; more: number; example: string }) =>
      `by now ${p.more} more things would go than plan ${p.id} listed, such as ${p.example}; nothing was removed`,
    hint: 'look at a new plan with `lade registry gc plan`',
  },
});
