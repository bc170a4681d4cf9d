import { compilePattern, type JournalEntry } from '#metadata';
import type { WebhookSettings } from './settings.ts';

const BLOB_TYPE = 'application/octet-stream';

/** A media type with `*` for any text. */
const matcher = (pattern: string): ((mediaType: string) => boolean) => {
  const parts = pattern.split('*');
  if (parts.length === 1) return (mediaType) => mediaType === pattern;
  const escaped = parts.map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
  const expression = new RegExp(`^${escaped.join('.*')}$`);
  return (mediaType) => expression.test(mediaType);
};

/** Whether an entry tells of content that was pushed, pulled, mounted or deleted. */
export const isContentEvent = ({ outcome, action, repository }: JournalEntry): boolean =>
  outcome === 'done' && action !== 'administer' && repository !== undefined;

/** Which entries an endpoint wants. What is deleted may have no media type; it then passes the filters of those. */
export const createFilter = (
  settings: Pick<WebhookSettings, 'actions' | 'repositories' | 'mediaTypes' | 'ignoreMediaTypes'>,
): ((entry: JournalEntry) => boolean) => {
  const actions = new Set<string>(settings.actions);
  const patterns = settings.repositories?.map((pattern) => compilePattern(pattern));
  const [only, never] = [settings.mediaTypes?.map(matcher), settings.ignoreMediaTypes.map(matcher)];
  const passesType = ({ action, mediaType }: JournalEntry): boolean => {
    if (action === 'delete' && mediaType === undefined) return true;
    const type = mediaType ?? BLOB_TYPE;
    return (only?.some((matches) => matches(type)) ?? true) && !never.some((matches) => matches(type));
  };
  return (entry) =>
    isContentEvent(entry) &&
    actions.has(entry.action) &&
    (patterns?.some((pattern) => pattern.matches(entry.repository ?? '')) ?? true) &&
    passesType(entry);
};
