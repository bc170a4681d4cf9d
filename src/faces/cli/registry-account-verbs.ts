import { verb, type Group, type Verb } from './verb-entry.ts';

/** `lade registry user …`, `robot …`, `token …`, `grant …` and `whoami`. */
export const registryAccounts: Readonly<Record<string, Verb | Group>> = {
  'docker-config': verb(
    "Print a docker configuration (config.json) with a robot's or a user's credentials",
    () => import('./verbs/registry-docker-config.ts'),
  ),
  'kubernetes-secret': verb(
    "Print a Kubernetes pull secret with a robot's or a user's credentials",
    () => import('./verbs/registry-kubernetes-secret.ts'),
  ),
  grant: {
    summary: 'Who may do what with repositories',
    verbs: {
      add: verb('Let somebody do something with repositories', () => import('./verbs/registry-grant-add.ts')),
      ls: verb('List grants', () => import('./verbs/registry-grant-ls.ts')),
      rm: verb('Take a grant back', () => import('./verbs/registry-grant-rm.ts')),
    },
  },
  robot: {
    summary: 'Accounts for programs',
    verbs: {
      create: verb(
        'Make an account for a program, and show its secret this once',
        () => import('./verbs/registry-robot-create.ts'),
      ),
      ls: verb('List robots', () => import('./verbs/registry-robot-ls.ts')),
      rm: verb('Remove robots, with their grants', () => import('./verbs/registry-robot-rm.ts')),
      rotate: verb('Give a robot a new secret', () => import('./verbs/registry-robot-rotate.ts')),
    },
  },
  'rotate-keys': verb(
    'Sign tokens with a new key from now on',
    () => import('./verbs/registry-rotate-keys.ts'),
  ),
  token: {
    summary: 'Tokens that count as a password',
    verbs: {
      create: verb(
        'Make a token that counts as your password, and show it this once',
        () => import('./verbs/registry-token-create.ts'),
      ),
      ls: verb('List tokens', () => import('./verbs/registry-token-ls.ts')),
      revoke: verb(
        'End tokens, and whatever was got with them',
        () => import('./verbs/registry-token-revoke.ts'),
      ),
    },
  },
  user: {
    summary: 'Users of the registry',
    verbs: {
      add: verb('Add a user', () => import('./verbs/registry-user-add.ts')),
      disable: verb(
        'Keep users out until they are enabled again',
        () => import('./verbs/registry-user-disable.ts'),
      ),
      enable: verb('Let disabled users in again', () => import('./verbs/registry-user-enable.ts')),
      import: verb('Add the users of an htpasswd file', () => import('./verbs/registry-user-import.ts')),
      ls: verb('List users', () => import('./verbs/registry-user-ls.ts')),
      passwd: verb(
        "Change a user's password; without NAME your own",
        () => import('./verbs/registry-user-passwd.ts'),
      ),
      rm: verb('Remove users, with their tokens and grants', () => import('./verbs/registry-user-rm.ts')),
    },
  },
  whoami: verb(
    'Show who the registry takes you for, and what you may do',
    () => import('./verbs/registry-whoami.ts'),
  ),
};
