import { hidden, verb, type Group, type Verb } from './verb-entry.ts';

const gcLs = verb(
  'List removals and until when they can be undone',
  () => import('./verbs/registry-gc-ls.ts'),
);

/** `lade registry check`, `lade registry gc …` and `lade registry retention …`. */
export const registryKeeping: Readonly<Record<string, Verb | Group>> = {
  check: verb(
    'Read everything and say what is damaged; mend it with --repair',
    () => import('./verbs/registry-check.ts'),
  ),
  gc: {
    summary: 'Collect the garbage of a registry while it serves',
    verbs: {
      ls: gcLs,
      list: hidden(gcLs),
      plan: verb('List what would be removed, and why', () => import('./verbs/registry-gc-plan.ts')),
      purge: verb(
        'Free the space of what can no longer be undone',
        () => import('./verbs/registry-gc-purge.ts'),
      ),
      run: verb('Remove what nothing needs', () => import('./verbs/registry-gc-run.ts')),
      undo: verb('Bring back what a removal took', () => import('./verbs/registry-gc-undo.ts')),
    },
  },
  retention: {
    summary: 'Rules of what repositories keep',
    verbs: {
      ls: verb('Show the rules', () => import('./verbs/registry-retention-ls.ts')),
      run: verb('Remove what the rules drop', () => import('./verbs/registry-retention-run.ts')),
      test: verb(
        'Say of every tag and manifest whether it stays, and why',
        () => import('./verbs/registry-retention-test.ts'),
      ),
    },
  },
};
