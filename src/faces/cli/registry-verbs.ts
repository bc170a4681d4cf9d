import { registryAccounts } from './registry-account-verbs.ts';
import { registryKeeping } from './registry-keeping-verbs.ts';
import { registryUpstreams } from './registry-upstream-verbs.ts';
import { hidden, service, verb, type Group } from './verb-entry.ts';

const registryLs = verb('List repositories', () => import('./verbs/registry-ls.ts'));
const registryShow = verb(
  'Show everything known of a repository or an image, as JSON',
  () => import('./verbs/registry-show.ts'),
);

const webhookLs = verb('List webhooks and how they do', () => import('./verbs/registry-webhook-ls.ts'));
const registryWebhook: Group = {
  summary: 'Look after the webhooks of a registry',
  verbs: {
    deliveries: verb(
      'List events that were given up',
      () => import('./verbs/registry-webhook-deliveries.ts'),
    ),
    ls: webhookLs,
    list: hidden(webhookLs),
    replay: verb('Send events that were given up again', () => import('./verbs/registry-webhook-replay.ts')),
    test: verb('Send an event to a webhook', () => import('./verbs/registry-webhook-test.ts')),
  },
};

/** `lade registry …`. */
export const registry: Group = {
  summary: "Lade's own registry",
  verbs: {
    ...registryAccounts,
    ...registryKeeping,
    ...registryUpstreams,
    audit: verb("Show a registry's log of writes and refusals", () => import('./verbs/registry-audit.ts')),
    config: service('Check or print the settings of a registry'),
    conformance: verb(
      'Check what a registry does of distribution-spec 1.1',
      () => import('./verbs/registry-conformance.ts'),
    ),
    events: verb('Follow what happens in a registry', () => import('./verbs/registry-events.ts')),
    du: verb(
      'Show how many bytes namespaces, repositories and tags hold',
      () => import('./verbs/registry-du.ts'),
    ),
    quota: verb('Show how full quotas are', () => import('./verbs/registry-quota.ts')),
    history: verb('Show every move of a tag', () => import('./verbs/registry-history.ts')),
    restore: verb(
      'Move a tag back to where it was; with --root, restore a backup',
      () => import('./verbs/registry-restore-tag.ts'),
    ),
    describe: verb(
      'Give a repository a description, a README, links and a logo',
      () => import('./verbs/registry-describe.ts'),
    ),
    ls: registryLs,
    list: hidden(registryLs),
    manifests: verb(
      'List every manifest of a repository: untagged ones, artifacts and signatures too',
      () => import('./verbs/registry-manifests.ts'),
    ),
    search: verb(
      'Find images by layer, base image, label or digest',
      () => import('./verbs/registry-search.ts'),
    ),
    serve: service('Serve a registry in the foreground'),
    show: registryShow,
    inspect: hidden(registryShow),
    star: verb('Star a repository', () => import('./verbs/registry-star.ts')),
    tags: verb('List the tags of a repository with what they name', () => import('./verbs/registry-tags.ts')),
    webhook: registryWebhook,
    'verify-history': verb(
      'Prove that the history of tags was not changed',
      () => import('./verbs/registry-verify-history.ts'),
    ),
  },
};
