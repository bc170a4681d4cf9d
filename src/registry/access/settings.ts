import { duration, secret } from '#settings';
import { isPattern } from '#metadata';
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

const issuerUrl = () => z.url({ protocol: /^https?$/ });

const keysOf = () =>
  z
    .string()
    .min(1)
    .optional()
    .describe('URL or file of its public keys (JWKS); found by discovery when absent.')
    .meta({ example: 'https://issuer.example/keys' });

/** `access.external`. */
const externalSettings = z.strictObject({
  issuer: z.string().min(1).describe('Its name in tokens.').meta({ example: 'https://auth.example' }),
  audience: z.string().min(1).default('lade-registry').describe('Whom its tokens are for: this registry.'),
  keys: keysOf(),
  realm: issuerUrl()
    .optional()
    .describe('Where clients get its tokens. Without it they are sent to this registry all the same.')
    .meta({ example: 'https://auth.example/token' }),
});

const ruleSettings = z.strictObject({
  claims: z
    .record(z.string(), z.string().min(1))
    .refine((claims) => Object.keys(claims).length > 0, 'a rule without claims would trust everybody')
    .describe('Values that claims must have; * stands for any characters.')
    .meta({ example: { repository: 'org/app', ref: 'refs/heads/main' } }),
  permissions: z
    .array(
      z.strictObject({
        pattern: z.string().refine(isPattern, 'write a pattern of repositories such as team/**'),
        actions: z.array(z.enum(['pull', 'push', 'delete'])).min(1),
      }),
    )
    .min(1)
    .describe('What such a job may do.'),
});

/** `access.workloads`. */
const workloadSettings = z.strictObject({
  issuer: issuerUrl()
    .describe('Whose tokens are trusted.')
    .meta({ example: 'https://token.actions.githubusercontent.com' }),
  audience: z
    .string()
    .min(1)
    .describe('Audience that tokens must have.')
    .meta({ example: 'registry.example' }),
  keys: keysOf(),
  rules: z.array(ruleSettings).min(1).describe('Every rule that a token satisfies counts.'),
});

/** `access.oidc`. */
const signInSettings = z.strictObject({
  issuer: issuerUrl().describe('The OpenID provider.').meta({ example: 'https://login.example' }),
  clientId: z.string().min(1).describe('Name of the registry there.').meta({ example: 'lade' }),
  clientSecret: secret().optional().describe('Its secret there, for confidential clients.'),
  scopes: z.string().default('openid profile email').describe('What is asked of the provider.'),
  nameClaim: z.string().min(1).default('preferred_username').describe('Claim that names new accounts.'),
  groupsClaim: z
    .string()
    .min(1)
    .default('groups')
    .describe('Claim that lists groups, which grants may name.'),
  administratorGroups: z
    .array(z.string())
    .default([])
    .describe('Whoever is in one of them is an administrator.'),
  sessionLifetime: duration().prefault('12h').describe('How long somebody stays signed in.'),
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
  certificates: z
    .enum(['commonName', 'email', 'dns'])
    .optional()
    .describe(
      'Name in client certificates (tls.clientCa) that is the name of a user; they prove nobody otherwise.',
    ),
  external: externalSettings.optional().describe('Another token service whose tokens count here.'),
  workloads: z
    .array(workloadSettings)
    .default([])
    .describe('Jobs of CI systems that log in with a token of their own (OpenID Connect).'),
  oidc: signInSettings.optional().describe('Sign-in of people in a browser through an OpenID provider.'),
  tokens: tokenSettings.prefault({}).describe('Tokens that this registry makes for clients.'),
});

export type AccessSettings = z.output<typeof accessSettings>;

/** Whether everybody may do everything. */
export const isOpenAccess = (settings: AccessSettings): boolean =>
  settings.enabled === false ||
  (settings.enabled === undefined &&
    [settings.htpasswd, settings.certificates, settings.external, settings.oidc].every(
      (one) => one === undefined,
    ) &&
    settings.workloads.length === 0);
