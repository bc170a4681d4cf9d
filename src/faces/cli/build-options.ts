import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { readDockerConfig } from '#client';
import type { Cli } from './context.ts';
import { wantedPlatform } from './default-platform.ts';
import { cliErrors } from './errors.ts';
import { toMap } from './text-lists.ts';

/** What the flags of `lade build` say, read from the machine they were given on. */
export interface BuildOptions {
  readonly tags: readonly string[];
  readonly buildArgs: Readonly<Record<string, string | null>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly target: string | undefined;
  readonly platform: string | undefined;
  readonly noCache: boolean;
  readonly pull: boolean;
  readonly network: string | undefined;
  /** Absolute path. */
  readonly hostCa: string | undefined;
  readonly proxies: Readonly<Record<string, string>>;
  readonly extraHosts: readonly string[];
  readonly shmSizeBytes: number | undefined;
  /** Contents by id. */
  readonly secrets: ReadonlyMap<string, Buffer>;
  readonly progress: 'tty' | 'plain' | 'rawjson' | 'quiet';
  readonly explain: boolean;
}

/** The flags this reads; `build.ts` has the table. */
export interface BuildFlags {
  readonly 'add-host': readonly string[];
  readonly 'build-arg': readonly string[];
  readonly explain: boolean;
  readonly 'host-ca': string | undefined;
  readonly label: readonly string[];
  readonly network: string | undefined;
  readonly 'no-cache': boolean;
  readonly platform: string | undefined;
  readonly progress: string | undefined;
  readonly pull: boolean;
  readonly quiet: boolean;
  readonly secret: readonly string[];
  readonly 'shm-size': number | undefined;
  readonly tag: readonly string[];
  readonly target: string | undefined;
}

const PROXY_NAMES = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'];

/** `NAME=value`, or `NAME` for the value that it has here. */
const readArgs = (words: readonly string[], env: NodeJS.ProcessEnv): Record<string, string | null> =>
  Object.fromEntries(
    words.map((word) => {
      const split = word.indexOf('=');
      return split === -1 ? [word, env[word] ?? null] : [word.slice(0, split), word.slice(split + 1)];
    }),
  );

/** Proxies of this environment and of config.json (`proxies.default`), which wins. */
const readProxies = (cli: Cli): Record<string, string> => {
  const proxies: Record<string, string> = {};
  for (const name of PROXY_NAMES.flatMap((upper) => [upper, upper.toLowerCase()])) {
    const value = cli.env[name];
    if (value !== undefined && value !== '') proxies[name] = value;
  }
  const configured = readDockerConfig(cli.configFolder).proxies?.['default'] ?? {};
  for (const [key, value] of Object.entries(configured)) {
    const name = key.replace(/Proxy$/, '_proxy');
    proxies[name.toUpperCase()] = value;
    proxies[name.toLowerCase()] = value;
  }
  return proxies;
};

const readSecret = (word: string, env: NodeJS.ProcessEnv): readonly [string, Buffer] => {
  const fields = toMap(word.split(','));
  const { id, src, source, type, env: variable } = fields;
  const path = src ?? source;
  if (id === undefined || id === '')
    throw cliErrors.argumentInvalid({
      problem: `invalid secret: ${word}`,
      advice: 'write --secret id=NAME,src=FILE or --secret id=NAME,env=VARIABLE',
    });
  const name = variable ?? (type === 'env' ? id : undefined);
  if (name !== undefined || (path === undefined && env[id] !== undefined))
    return [id, Buffer.from(env[name ?? id] ?? '')];
  try {
    return [id, readFileSync(path ?? id)];
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw cliErrors.fileUnreadable({ path: path ?? id, problem }, error);
  }
};

const PROGRESS = ['auto', 'tty', 'plain', 'rawjson', 'quiet'] as const;

const chooseProgress = (cli: Cli, flags: BuildFlags): BuildOptions['progress'] => {
  const named = flags.progress ?? cli.env['BUILDKIT_PROGRESS'] ?? 'auto';
  const known = PROGRESS.find((candidate) => candidate === named);
  if (known === undefined)
    throw cliErrors.argumentInvalid({
      problem: `invalid progress type: ${named}`,
      advice: `choose one of ${PROGRESS.join(', ')}`,
    });
  if (flags.quiet) return 'quiet';
  if (known === 'auto') return cli.stderr.isTTY ? 'tty' : 'plain';
  return known;
};

/** @throws CLI_ARGUMENT_INVALID, CLI_FILE_UNREADABLE */
export const readBuildOptions = (cli: Cli, flags: BuildFlags): BuildOptions => {
  const hostCa = flags['host-ca'] ?? cli.env['NODE_EXTRA_CA_CERTS'] ?? cli.env['SSL_CERT_FILE'];
  return {
    tags: flags.tag,
    buildArgs: readArgs(flags['build-arg'], cli.env),
    labels: toMap(flags.label),
    target: flags.target,
    platform: wantedPlatform(cli, flags.platform),
    noCache: flags['no-cache'],
    pull: flags.pull,
    network: flags.network,
    hostCa: hostCa === undefined || hostCa === '' ? undefined : resolve(hostCa),
    proxies: readProxies(cli),
    extraHosts: flags['add-host'],
    shmSizeBytes: flags['shm-size'],
    secrets: new Map(flags.secret.map((word) => readSecret(word, cli.env))),
    progress: chooseProgress(cli, flags),
    explain: flags.explain,
  };
};
