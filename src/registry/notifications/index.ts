export { createNotifications } from './notifications.ts';
export { notificationErrors } from './errors.ts';
export { webhooksSettings, type WebhookSettings } from './settings.ts';
export type { DistributionEvent } from './event.ts';
export type { Notifications, NotificationsOptions, WebhookStatus } from './types.ts';
