import { isAllowance } from '#http';
import { byteSize, duration, secret } from '#settings';
import * as z from 'zod';
import type { UpstreamSettings } from './types.ts';

const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const PREFIX = new RegExp(`^(?:${COMPONENT}(?:/${COMPONENT})*)?$`);

const isWebUrl = (text: string): boolean => {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && [username, password, search, hash].every((part) => part === '');
};

const upstream = z
  .strictObject({
    prefix: z
      .string()
      .regex(PREFIX, 'write a path such as docker.io or mirrors/quay, or nothing for every name')
      .describe('Repositories whose names begin with it come from there; the longest one wins.')
      .meta({ example: 'docker.io' }),
    url: z
      .string()
      .refine(isWebUrl, 'write a URL such as https://ghcr.io, without user, password or query')
      .describe('The registry; a path in it goes before the names of its repositories.')
      .meta({ example: 'https://registry-1.docker.io' }),
    namespace: z
      .string()
      .min(1)
      .optional()
      .describe('What clients call it in `?ns=`, when that is not the prefix.'),
    fallback: z
      .boolean()
      .default(false)
      .describe('Answers for names that this registry does not have, as a mirror of Docker Hub must.'),
    repositories: z
      .array(z.string().min(1))
      .optional()
      .describe(
        'Only repositories that match one of these patterns, without the prefix: `library/*`, `team/**`.',
      ),
    username: z.string().min(1).optional().describe('Name to log in with.'),
    password: secret().optional().describe('Its password or token: the text, or { file: PATH }.'),
    tagTtl: duration()
      .prefault('15m')
      .describe('How long a tag is trusted before the registry is asked again; 0 asks every time.'),
    staleFor: duration()
      .prefault('30d')
      .describe('How long after that a tag is still served while the registry cannot be reached.'),
    missingTtl: duration().prefault('1m').describe('How long it is remembered that something is not there.'),
    timeout: duration()
      .prefault('10s')
      .describe('How long a manifest, a list or the first byte of a blob may take.'),
    fetches: z
      .int()
      .min(1)
      .max(1000)
      .default(16)
      .describe(
        'Blobs that are fetched from it at the same time, at most; who wants another waits for as long as the timeout, then is told to come back.',
      ),
    allowPrivate: z
      .union([
        z.boolean(),
        z.array(z.string().refine(isAllowance, 'write HOST, HOST:PORT, an address or a range')),
      ])
      .default(false)
      .describe(
        'Whether the registry may have a private address: true for its own host and port, or a list of hosts and ranges that it and its redirects may lead to.',
      ),
    insecure: z.boolean().default(false).describe('Accept any certificate of this registry.'),
    keepBytes: byteSize()
      .optional()
      .describe('Bytes of its content to keep; what was not pulled for longest goes first.')
      .meta({ example: '50GiB' }),
    keepUnused: duration()
      .optional()
      .describe('Content that was not pulled for so long goes.')
      .meta({ example: '30d' }),
  })
  .refine(
    ({ username, password }) => (username === undefined) === (password === undefined),
    'username and password go together',
  )
  .refine(
    ({ prefix, keepBytes }) => prefix !== '' || keepBytes === undefined,
    'keepBytes needs a prefix: what is pushed here would count too',
  );

/** The section `upstreams`: other registries whose content is served under names of this one. */
export const upstreamsSettings = z
  .array(upstream)
  .refine(
    (all) => new Set(all.map(({ prefix }) => prefix)).size === all.length,
    'two upstreams have the same prefix',
  )
  .refine((all) => all.filter(({ fallback }) => fallback).length < 2, 'only one upstream can be the fallback')
  .transform((all): readonly UpstreamSettings[] => all)
  .prefault([])
  .describe('Other registries whose content is fetched when it is asked for, and kept.');
