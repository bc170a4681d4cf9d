import { hidden, verb, type Group, type Verb } from './verb-entry.ts';

const upstreamLs = verb(
  'List them: what is kept, hits, misses, bytes',
  () => import('./verbs/registry-upstream-ls.ts'),
);

/** `lade registry mirror|import|backup` and `lade registry upstream …`. */
export const registryUpstreams: Readonly<Record<string, Verb | Group>> = {
  backup: verb('Back a registry up while it serves', () => import('./verbs/registry-backup.ts')),
  import: verb(
    'Take over the storage of a docker-registry, or an OCI layout',
    () => import('./verbs/registry-import.ts'),
  ),
  mirror: verb('Copy repositories of another registry', () => import('./verbs/registry-mirror.ts')),
  upstream: {
    summary: 'Registries that are served through this one',
    verbs: {
      ls: upstreamLs,
      list: hidden(upstreamLs),
      refresh: verb('Ask for tags again', () => import('./verbs/registry-upstream-refresh.ts')),
      trim: verb('Let go of what is beyond the limits', () => import('./verbs/registry-upstream-trim.ts')),
    },
  },
};
