import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readSettings, type Override, type ReadSettings } from '#settings';
import { registrydErrors } from './errors.ts';
import { registrySettings, type RegistrySettings } from './settings.ts';

/** Read when no file is named, if it is there. */
export const DEFAULT_CONFIG = '/etc/lade/registry.yaml';

/** What the command line asks for. */
export interface Invocation {
  readonly help: boolean;
  readonly defaults: boolean;
  /** The settings file; undefined when there is none. */
  readonly file: string | undefined;
  readonly flags: readonly Override[];
}

export const USAGE = `Usage: lade registry serve [OPTIONS]

Serve a private registry. Settings come from a file, then from variables such as LADE_REGISTRY_LISTEN, then from the
options here; the later wins. See \`lade registry config print --defaults\` for every key.

Options:
      --config FILE       Settings in YAML (default ${DEFAULT_CONFIG}, if it is there)
      --access            Only users, robots and grants get in (lade registry user, robot, grant)
      --htpasswd FILE     Users and their bcrypt hashes (htpasswd -B); everybody may do everything without it
      --insecure          Listen beyond loopback without TLS or without users
      --listen HOST:PORT  Address to listen on (default "127.0.0.1:5000"); port 0 takes a free one; may be repeated
      --log-level LEVEL   trace, debug, info, warn, error or silent (default "info")
      --root DIR          Where images are kept (default "/var/lib/lade/registry")
      --tls-cert FILE     Certificate chain in PEM; with --tls-key the registry speaks HTTPS
      --tls-key FILE      Its private key in PEM
`;

const flags = {
  config: { type: 'string' },
  listen: { type: 'string', multiple: true },
  root: { type: 'string' },
  access: { type: 'boolean' },
  htpasswd: { type: 'string' },
  insecure: { type: 'boolean' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'log-level': { type: 'string' },
  defaults: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** The key that each flag sets. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  listen: ['listen'],
  root: ['root'],
  access: ['access', 'enabled'],
  htpasswd: ['access', 'htpasswd'],
  insecure: ['insecure'],
  'tls-cert': ['tls', 'certificate'],
  'tls-key': ['tls', 'key'],
  'log-level': ['log', 'level'],
};

const parsed = (argv: readonly string[]) => {
  try {
    return parseArgs({ args: [...argv], options: flags, strict: true }).values;
  } catch (error) {
    throw registrydErrors.usage({ reason: error instanceof Error ? error.message : String(error) }, error);
  }
};

/** Reads the arguments of `lade registry serve` and `lade registry config`. @throws REGISTRYD_USAGE */
export const parseInvocation = (
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Invocation => {
  const values = parsed(argv);
  if ((values['tls-cert'] === undefined) !== (values['tls-key'] === undefined)) {
    throw registrydErrors.usage({ reason: '--tls-cert and --tls-key go together' });
  }
  const standard = existsSync(DEFAULT_CONFIG) ? DEFAULT_CONFIG : undefined;
  return {
    help: values.help === true,
    defaults: values.defaults === true,
    file: values.config ?? env['LADE_REGISTRY_CONFIG'] ?? standard,
    flags: Object.entries(KEYS).flatMap(([name, path]) => {
      const value = values[name as keyof typeof values];
      return value === undefined ? [] : [{ from: `--${name}`, path, value }];
    }),
  };
};

/** Reads the settings that an invocation means. @throws SETTINGS_INVALID, SETTINGS_UNREADABLE */
export const settingsOf = (
  { file, flags: overrides }: Invocation,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ReadSettings<RegistrySettings>> => {
  const { LADE_REGISTRY_CONFIG: _config, ...rest } = env;
  return readSettings(registrySettings, { file, env: rest, flags: overrides });
};
