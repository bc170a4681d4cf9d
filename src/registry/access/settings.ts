import * as z from 'zod';

const path = () => z.string().min(1);

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
});

export type AccessSettings = z.output<typeof accessSettings>;

/** Whether everybody may do everything. */
export const isOpenAccess = (settings: AccessSettings): boolean =>
  settings.enabled === false || (settings.enabled === undefined && settings.htpasswd === undefined);
