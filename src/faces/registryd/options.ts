import { parseArgs } from 'node:util';
import type { ListenAddress } from '#http';
import { registrydErrors } from './errors.ts';

export interface RegistrydOptions {
  readonly host: string;
  readonly port: number;
  readonly root: string;
  readonly htpasswd: string | undefined;
  /** Paths of PEM files. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly logLevel: string;
}

export const USAGE = `Usage: lade registry serve [OPTIONS]

Serve a private registry

Options:
      --htpasswd FILE     Users and their bcrypt hashes (htpasswd -B); everybody may do everything without it
      --listen HOST:PORT  Address to listen on (default "127.0.0.1:5000"); port 0 takes a free one
      --log-level LEVEL   trace, debug, info, warn, error or silent (default "info")
      --root DIR          Where images are kept (default "/var/lib/lade/registry")
      --tls-cert FILE     Certificate chain in PEM; with --tls-key the registry speaks HTTPS
      --tls-key FILE      Its private key in PEM
`;

const flags = {
  listen: { type: 'string', default: '127.0.0.1:5000' },
  root: { type: 'string', default: '/var/lib/lade/registry' },
  htpasswd: { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'log-level': { type: 'string', default: 'info' },
  help: { type: 'boolean', short: 'h' },
} as const;

const LEVELS: ReadonlySet<string> = new Set(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']);

const readAddress = (text: string): { readonly host: string; readonly port: number } => {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535)
    throw registrydErrors.usage({ reason: `--listen ${text} is not HOST:PORT` });
  return { host: (match[1] ?? match[2] ?? '') || '0.0.0.0', port };
};

const parsed = (argv: readonly string[]) => {
  try {
    return parseArgs({ args: [...argv], options: flags, strict: true }).values;
  } catch (error) {
    throw registrydErrors.usage({ reason: error instanceof Error ? error.message : String(error) }, error);
  }
};

/** Reads the flags of `lade registry serve`. @throws REGISTRYD_USAGE */
export const parseOptions = (argv: readonly string[]): RegistrydOptions | 'help' => {
  const values = parsed(argv);
  if (values.help === true) return 'help';
  const cert = values['tls-cert'];
  const key = values['tls-key'];
  if ((cert === undefined) !== (key === undefined)) {
    throw registrydErrors.usage({ reason: '--tls-cert and --tls-key go together' });
  }
  if (!LEVELS.has(values['log-level'])) {
    throw registrydErrors.usage({
      reason: `--log-level ${values['log-level']} is none of ${[...LEVELS].join(', ')}`,
    });
  }
  return {
    ...readAddress(values.listen),
    root: values.root,
    htpasswd: values.htpasswd,
    tls: cert === undefined || key === undefined ? undefined : { cert, key },
    logLevel: values['log-level'],
  };
};

/** The address in the form the server wants, certificates read. */
export const listenAddress = (
  { host, port }: RegistrydOptions,
  tls: { readonly cert: Buffer; readonly key: Buffer } | undefined,
): ListenAddress => ({ kind: 'tcp', host, port, tls });
