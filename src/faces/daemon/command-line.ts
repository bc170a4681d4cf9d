import { parseArgs } from 'node:util';
import type { RegistryHostsOptions } from '#distribution';
import { daemonErrors } from './errors.ts';
import { DEFAULT_HOST } from './listen-address.ts';

const DEFAULT_REGISTRIES = '/etc/lade/registries.yaml';

export interface DaemonOptions {
  readonly hosts: readonly string[];
  readonly root: string;
  readonly hostCa: string | undefined;
  readonly registries: RegistryHostsOptions;
  readonly logLevel: string;
  readonly help: boolean;
}

export const USAGE = `Usage: lade daemon [OPTIONS]

Serve the Docker Engine API and Lade's own API.

Options:
  -H, --host ADDRESS      unix:///PATH or tcp://127.0.0.1:PORT; may repeat (default ${DEFAULT_HOST})
      --root DIR          Where everything is kept (default $LADE_ROOT or /var/lib/lade)
      --host-ca FILE      CA bundle that build steps get (default $NODE_EXTRA_CA_CERTS or $SSL_CERT_FILE)
      --registries FILE   How registries are reached: mirrors, certificates, proxies; read again on SIGHUP
                          (default $LADE_REGISTRIES or ${DEFAULT_REGISTRIES})
      --registry-mirror URL         Mirror of Docker Hub; may repeat
      --insecure-registry HOST      Registry (HOST[:PORT] or a range such as 10.0.0.0/8) without TLS that can be
                                    verified; may repeat
      --log-level LEVEL   trace, debug, info, warn, error or silent (default info)
`;

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      options: {
        host: { type: 'string', short: 'H', multiple: true },
        root: { type: 'string' },
        'host-ca': { type: 'string' },
        registries: { type: 'string' },
        'registry-mirror': { type: 'string', multiple: true },
        'insecure-registry': { type: 'string', multiple: true },
        'log-level': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw daemonErrors.badArgument(
      { problem: error instanceof Error ? error.message : String(error) },
      error,
    );
  }
};

/** The arguments after `lade daemon`. */
export const parseCommandLine = (
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): DaemonOptions => {
  const values = parse(args);
  const logLevel = values['log-level'] ?? env['LADE_LOG_LEVEL'] ?? 'info';
  if (!LEVELS.includes(logLevel))
    throw daemonErrors.badArgument({ problem: `--log-level ${logLevel} is none of ${LEVELS.join(', ')}` });
  return {
    hosts: values.host ?? [DEFAULT_HOST],
    root: values.root ?? env['LADE_ROOT'] ?? '/var/lib/lade',
    hostCa: values['host-ca'] ?? env['NODE_EXTRA_CA_CERTS'] ?? env['SSL_CERT_FILE'],
    registries: {
      file: values.registries ?? env['LADE_REGISTRIES'] ?? DEFAULT_REGISTRIES,
      required: (values.registries ?? env['LADE_REGISTRIES']) !== undefined,
      mirrors: values['registry-mirror'],
      insecure: values['insecure-registry'],
    },
    logLevel,
    help: values.help === true,
  };
};
