import { duration, listenAddress } from '#settings';
import * as z from 'zod';

/** Levels of the log. */
export const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const addresses = z
  .union([listenAddress(), z.array(listenAddress()).min(1)])
  .transform((value) => (Array.isArray(value) ? value : [value]));

const path = () => z.string().min(1);

/** Everything that can be set, one section for each room. */
export const registrySettings = z.strictObject({
  root: path()
    .default('/var/lib/lade/registry')
    .describe('Where everything is kept; the socket for administering it, too.'),
  listen: addresses
    .prefault(['127.0.0.1:5000'])
    .describe('Addresses to listen on: HOST:PORT, [V6]:PORT, or :PORT for all; port 0 takes a free one.'),
  insecure: z
    .boolean()
    .default(false)
    .describe(
      'Allow listening beyond loopback without TLS or without users. Only behind a proxy that adds both.',
    ),
  drain: duration()
    .prefault('30s')
    .describe('How long requests in flight may take to end after SIGTERM; a second signal cuts them.'),
  log: z
    .strictObject({
      level: z
        .enum(LEVELS)
        .default('info')
        .describe(`What is logged: ${LEVELS.join(', ')}.`),
    })
    .prefault({})
    .describe("The program's own log: JSON lines on standard error."),
  tls: z
    .strictObject({
      certificate: path().describe('Certificate chain in PEM.').meta({ example: '/etc/lade/tls/tls.crt' }),
      key: path().describe('Its private key in PEM.').meta({ example: '/etc/lade/tls/tls.key' }),
    })
    .optional()
    .describe('HTTPS on every address. Files are read again when they change.'),
  access: z
    .strictObject({
      htpasswd: path()
        .optional()
        .describe('Users and their bcrypt hashes (htpasswd -B); everybody may do everything without users.')
        .meta({ example: '/etc/lade/users' }),
    })
    .prefault({})
    .describe('Who may do what.'),
});

export type RegistrySettings = z.output<typeof registrySettings>;
