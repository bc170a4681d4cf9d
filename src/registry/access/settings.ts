import { duration } from '#settings';
import * as z from 'zod';

const path = () => z.string().min(1);

const MIN_LIFETIME_MS = 60_000;

/** `access.tokens`. */
const tokenSettings = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe('Make tokens at /token and ask clients to use them; off means Basic only.'),
  issuer: z.string().min(1).default('lade').describe('Name of the issuer in tokens.'),
  service: z
    .string()
    .regex(/^[A-Za-z0-9._:/-]{1,200}$/)
    .default('lade-registry')
    .describe('Whom tokens are for: their audience, and the service of challenges.'),
  lifetime: duration()
    .refine((ms) => ms >= MIN_LIFETIME_MS, 'clients count on at least 60s')
    .prefault('15m')
    .describe('How long a token counts; whoever is disabled is out at once all the same.'),
  refreshLifetime: duration().prefault('90d').describe('How long a refresh token counts.'),
  identityTokens: z
    .boolean()
    .default(false)
    .describe(
      'Let `docker login` keep a refresh token in place of the password. podman, skopeo and buildah refuse to log in ' +
        'on a machine whose docker configuration has one.',
    ),
  rotateKeys: duration().prefault('90d').describe('Age at which the signing key is replaced.'),
});

/** The section `access` of a registry's settings. */
export const accessSettings = z.strictObject({
  enabled: z
    .boolean()
    .optional()
    .describe(
      'Only who logs in, or what is granted to `anonymous`: accounts and grants of `lade registry user`, `robot`, ' +
        '`token` and `grant`. On where anything else of this section is set; off means that everybody may do everything.',
    ),
  htpasswd: path()
    .optional()
    .describe('More users, with bcrypt hashes (htpasswd -B). Read again when it changes.')
    .meta({ example: '/etc/lade/users' }),
  htpasswdUsers: z
    .enum(['administrators', 'granted'])
    .default('administrators')
    .describe('What the users of htpasswd may do: everything, or what grants give them.'),
  publicUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Address by which clients know the registry; without it the one that each of them called.')
    .meta({ example: 'https://registry.example' }),
  tokens: tokenSettings.prefault({}).describe('Tokens that this registry makes for clients.'),
});

export type AccessSettings = z.output<typeof accessSettings>;

/** Whether everybody may do everything. */
export const isOpenAccess = (settings: AccessSettings): boolean =>
  settings.enabled === false || (settings.enabled === undefined && settings.htpasswd === undefined);
