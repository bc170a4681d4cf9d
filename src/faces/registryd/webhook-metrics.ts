import type { WebhookStatus } from '#notifications';
import type { Family } from './exposition.ts';

/** How webhooks do. */
export const webhookFamilies = (webhooks: readonly WebhookStatus[]): readonly Family[] => {
  const family = (
    name: string,
    { help, type }: Pick<Family, 'help' | 'type'>,
    value: (status: WebhookStatus) => number,
  ): Family => ({
    name: `lade_registry_webhook_${name}`,
    help,
    type,
    samples: webhooks.map((status) => ({ labels: { webhook: status.name }, value: value(status) })),
  });
  return [
    family(
      'behind_entries',
      { help: 'Journal entries that the webhook has not seen.', type: 'gauge' },
      ({ behind }) => behind,
    ),
    family(
      'failed_attempts',
      { help: 'Failed attempts at the event that is due.', type: 'gauge' },
      ({ attempts }) => attempts,
    ),
    family('dead_letters', { help: 'Events that were given up.', type: 'gauge' }, (s) => s.deadLetters),
    family('delivered_total', { help: 'Events delivered.', type: 'counter' }, ({ delivered }) => delivered),
  ];
};
