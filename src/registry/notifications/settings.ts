import { isAllowance } from '#http';
import { isPattern } from '#metadata';
import { duration, secret } from '#settings';
import * as z from 'zod';

const isWebUrl = (text: string): boolean => {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return /^https?:$/.test(protocol) && username === '' && password === '';
};

const RESERVED = /^(?:host|content-length|content-type|transfer-encoding|connection|x-lade-.*)$/i;
const HEADER = /^[\w!#$%&'*+.^`|~-]+$/;

const headers = z
  .record(
    z
      .string()
      .regex(HEADER, 'is no name of a header')
      .refine((name) => !RESERVED.test(name), 'is set by the registry'),
    secret(),
  )
  .default({})
  .describe('Headers to send along; values are secrets.')
  .meta({ example: { Authorization: 'Bearer …' } });

const allowPrivate = z
  .union([
    z.boolean(),
    z.array(z.string().refine(isAllowance, 'write HOST, HOST:PORT, an address or a range')),
  ])
  .default(false)
  .describe('Allow addresses that are not public: true for all, or a list of hosts, addresses and ranges.');

/** One endpoint. */
export const webhookSettings = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'use small letters, digits, dots, dashes and underscores')
    .describe('Names it in `lade registry webhook`; its position in the journal belongs to the name.')
    .meta({ example: 'deploy' }),
  url: z
    .string()
    .refine(isWebUrl, 'write a URL such as https://deploy.example/events, without user and password')
    .describe('Where events are posted to. Redirects are not followed.')
    .meta({ example: 'https://deploy.example/events' }),
  actions: z
    .array(z.enum(['push', 'pull', 'mount', 'delete']))
    .min(1)
    .default(['push', 'mount', 'delete'])
    .describe('Which events.'),
  repositories: z
    .array(z.string().refine(isPattern, 'is no pattern: use names with * and **, such as team/**'))
    .optional()
    .describe('Only repositories that match one of these patterns.')
    .meta({ example: ['team/**'] }),
  mediaTypes: z
    .array(z.string().min(1))
    .optional()
    .describe('Only contents of these media types; * stands for anything.')
    .meta({ example: ['application/vnd.oci.image.*'] }),
  ignoreMediaTypes: z
    .array(z.string().min(1))
    .default([])
    .describe('No contents of these media types.')
    .meta({ example: ['application/octet-stream'] }),
  headers,
  secrets: z
    .array(secret())
    .default([])
    .describe('Sign with each of them; two while receivers change from one to the other.')
    .meta({ example: [{ file: '/etc/lade/webhook-secret' }] }),
  timeout: duration().prefault('10s').describe('How long an endpoint may take to answer.'),
  attempts: z
    .int()
    .min(1)
    .max(1000)
    .default(10)
    .describe('Attempts at an event before it becomes a dead letter.'),
  backoff: duration().prefault('1s').describe('Pause after the first failure; it doubles with each.'),
  maxBackoff: duration().prefault('5m').describe('The longest pause.'),
  batch: z.int().min(1).max(100).default(1).describe('Most events of one request.'),
  keepDeadLetters: z
    .int()
    .min(0)
    .max(100_000)
    .default(1000)
    .describe('Dead letters that are kept; the oldest go first.'),
  allowPrivate,
});

/** All endpoints. */
export const webhooksSettings = z
  .array(webhookSettings)
  .default([])
  .refine(
    (list) => new Set(list.map(({ name }) => name)).size === list.length,
    'two webhooks have the same name',
  );

export type WebhookSettings = z.output<typeof webhookSettings>;
