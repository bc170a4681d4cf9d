import { resolve } from 'node:path';
import type { Body } from '#api';
import { readDockerConfig } from '#client';
import { readAttestations } from './build-attestations.ts';
import { readCache } from './build-caches.ts';
import type { BuildFlags } from './build-flags.ts';
import { debugChoiceOf } from './build-debug.ts';
import { readOutputs } from './build-outputs.ts';
import { readAgents, readContexts, readSecrets } from './build-sources.ts';
import type { Cli } from './context.ts';
import { wantedPlatform } from './default-platform.ts';
import { cliErrors } from './errors.ts';
import { parseExtraHost, parseUlimit } from './host-specs.ts';
import { toMap } from './text-lists.ts';

/** What a build is asked for, whatever its context. */
export type BuildOrder = Body<'ladeArchiveBuild'>;

export interface BuildView {
  readonly progress: 'tty' | 'plain' | 'rawjson' | 'quiet';
  readonly explain: boolean;
  /** Told when what a failed step left is kept. */
  readonly onKept?: ((build: string) => void) | undefined;
  /** Takes pieces of outputs that a daemon elsewhere sends back. */
  readonly onOutput?: ((index: number, data: Buffer) => Promise<void>) | undefined;
}

/** What the flags of `lade build` say, read from the machine they were given on. */
export interface BuildOptions extends BuildView {
  /** Its paths are absolute; an output's destination may be `-`, stdout. */
  readonly order: BuildOrder;
  /** Those of config.json alone, which also a daemon elsewhere can use. */
  readonly configuredProxies: Readonly<Record<string, string>>;
  /** gzip a context that is sent. */
  readonly compress: boolean;
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

/** SOURCE_DATE_EPOCH of the environment is that of the build, as with buildx. */
const epochArg = ({ SOURCE_DATE_EPOCH: epoch }: NodeJS.ProcessEnv): Record<string, string> =>
  epoch === undefined ? {} : { SOURCE_DATE_EPOCH: epoch };

/** Proxies of config.json (`proxies.default`). */
const readConfiguredProxies = (cli: Cli): Record<string, string> => {
  const proxies: Record<string, string> = {};
  const configured = readDockerConfig(cli.configFolder).proxies?.['default'] ?? {};
  for (const [key, value] of Object.entries(configured)) {
    const name = key.replace(/Proxy$/, '_proxy');
    proxies[name.toUpperCase()] = value;
    proxies[name.toLowerCase()] = value;
  }
  return proxies;
};

/** Proxies of this environment; those of config.json win. */
const readProxies = (cli: Cli): Record<string, string> => {
  const proxies: Record<string, string> = {};
  for (const name of PROXY_NAMES.flatMap((upper) => [upper, upper.toLowerCase()])) {
    const value = cli.env[name];
    if (value !== undefined && value !== '') proxies[name] = value;
  }
  return { ...proxies, ...readConfiguredProxies(cli) };
};

const PROGRESS = ['auto', 'tty', 'plain', 'rawjson', 'quiet'] as const;

const chooseProgress = (cli: Cli, flags: BuildFlags): BuildView['progress'] => {
  const named = flags.progress ?? (cli.env['BUILDKIT_PROGRESS'] || 'auto');
  const known = PROGRESS.find((candidate) => candidate === named);
  if (known === undefined)
    throw cliErrors.argumentInvalid({
      problem: `invalid progress type: ${named}`,
      advice: `choose one of ${PROGRESS.join(', ')}`,
    });
  if (flags.quiet) return 'quiet';
  if (known === 'auto') return cli.stderr.isTTY && cli.env['TERM'] !== 'dumb' ? 'tty' : 'plain';
  return known;
};

/** `--platform a,b` any number of times; DOCKER_DEFAULT_PLATFORM where there is none. */
const readPlatforms = (cli: Cli, words: readonly string[]): string[] => {
  const named = words.flatMap((word) => word.split(',')).map((word) => word.trim());
  const platforms = named.filter((word) => word !== '' && word !== 'local');
  if (platforms.length > 0 || words.length > 0) return [...new Set(platforms)];
  const wanted = wantedPlatform(cli, undefined);
  return wanted === undefined ? [] : [wanted];
};

const ENTITLEMENTS = ['security.insecure', 'network.host', 'device'] as const;

const readAllowed = (words: readonly string[]): (typeof ENTITLEMENTS)[number][] =>
  words
    .flatMap((word) => word.split(','))
    .map((word) => {
      const known = ENTITLEMENTS.find((each) => each === word.trim());
      if (known !== undefined) return known;
      throw cliErrors.argumentInvalid({
        problem: `invalid --allow "${word}": unknown entitlement`,
        advice: `choose among ${ENTITLEMENTS.join(', ')}`,
      });
    });

const readLimits = (flags: BuildFlags): BuildOrder['limits'] => {
  const ulimits = flags.ulimit
    .map(parseUlimit)
    .map(({ Name, Soft, Hard }) => ({ name: Name, soft: Soft, hard: Hard }));
  const limits = {
    memoryBytes: flags.memory,
    memorySwapBytes: flags['memory-swap'],
    cpuShares: flags['cpu-shares'],
    cpuQuotaUs: flags['cpu-quota'],
    cpuPeriodUs: flags['cpu-period'],
    cpusetCpus: flags['cpuset-cpus'],
    cpusetMems: flags['cpuset-mems'],
    ulimits: ulimits.length === 0 ? undefined : ulimits,
    cgroupParent: flags['cgroup-parent'],
  };
  // Docker's clients send zeros and empty texts for what is not limited.
  const given = Object.entries(limits).filter(
    ([, value]) => value !== undefined && value !== 0 && value !== '',
  );
  return given.length === 0 ? undefined : Object.fromEntries(given);
};

const readHostCa = (cli: Cli, flags: BuildFlags): BuildOrder['hostCa'] => {
  const path = flags['host-ca'] ?? cli.env['NODE_EXTRA_CA_CERTS'] ?? cli.env['SSL_CERT_FILE'];
  return path === undefined || path === '' ? undefined : { path: resolve(path) };
};

/** `[LEVEL[PLATFORM]:]key=value`, as docker buildx takes them. */
const readAnnotations = (words: readonly string[]): Record<string, string> => {
  const given = words.filter((word) => word !== '');
  const odd = given.find((word) => word.indexOf('=') < 1);
  if (odd !== undefined)
    throw cliErrors.argumentInvalid({
      problem: `invalid annotation ${JSON.stringify(odd)}, expected key=value`,
      advice:
        'write --annotation [LEVEL:]key=value; LEVEL is manifest, index, manifest-descriptor or index-descriptor',
    });
  return toMap(given);
};

/** What only some builds have. */
const readExtras = (cli: Cli, flags: BuildFlags) => {
  const { outputs, annotations } = readOutputs(flags);
  return {
    outputs,
    annotations: { ...annotations, ...readAnnotations(flags.annotation) },
    attestations: readAttestations(flags),
    cacheFrom: flags['cache-from'].map((word) => readCache('cache-from', word)),
    cacheTo: flags['cache-to'].map((word) => readCache('cache-to', word)),
    contexts: readContexts(flags['build-context']),
    secrets: readSecrets(flags.secret, cli.env),
    ssh: readAgents(flags.ssh, cli.env),
    allow: readAllowed(flags.allow),
    limits: readLimits(flags),
    noCacheFilter: flags['no-cache-filter'].flatMap((word) => word.split(',')).filter(Boolean),
    squash: flags.squash,
    keepFailed: debugChoiceOf(flags.debug) !== undefined,
  };
};

/** Only what was asked for travels. */
const compact = (order: BuildOrder): BuildOrder =>
  Object.fromEntries(
    Object.entries(order).filter(
      ([, value]) =>
        value !== undefined &&
        value !== false &&
        !(typeof value === 'object' && Object.keys(value).length === 0),
    ),
  );

const refuseUnsupported = (flags: BuildFlags): void => {
  if (flags['security-opt'].length > 0)
    throw cliErrors.notSupported({
      feature: '--security-opt of a build',
      instead: 'use RUN --security=insecure with --allow security.insecure',
    });
};

/** @throws CLI_ARGUMENT_INVALID, CLI_FILE_UNREADABLE */
export const readBuildOptions = (cli: Cli, flags: BuildFlags): BuildOptions => {
  refuseUnsupported(flags);
  const order = compact({
    tags: [...flags.tag],
    buildArgs: { ...epochArg(cli.env), ...readArgs(flags['build-arg'], cli.env) },
    labels: toMap(flags.label),
    target: flags.target,
    platforms: readPlatforms(cli, flags.platform),
    noCache: flags['no-cache'],
    pull: flags.pull,
    network: flags.network,
    hostCa: readHostCa(cli, flags),
    proxies: readProxies(cli),
    extraHosts: flags['add-host'].map(parseExtraHost),
    shmSizeBytes: flags['shm-size'] === 0 ? undefined : flags['shm-size'],
    ...readExtras(cli, flags),
  });
  return {
    order,
    configuredProxies: readConfiguredProxies(cli),
    progress: chooseProgress(cli, flags),
    explain: flags.explain,
    compress: flags.compress,
  };
};
