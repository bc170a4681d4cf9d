import type { Context } from 'hono';
import {
  apiErrors,
  decodeRegistryConfig,
  parseJsonParameter,
  parseWhole,
  type AuthConfig,
  type Body,
} from '#api';
import type { BuildContext, BuildRequest, RegistryAuth } from '#builder';
import { daemonErrors } from './errors.ts';
import { longestPath } from './image-names.ts';
import { flag, textOf } from './request.ts';

const toAuth = (auth: AuthConfig): RegistryAuth => ({
  username: auth.username,
  password: auth.password,
  identityToken: auth.identitytoken,
  registryToken: auth.registrytoken,
});

/** Looks up credentials for a repository in the header of a build. */
export const authLookup = (
  header: string | undefined,
): ((repository: string) => RegistryAuth | undefined) => {
  const lookup = longestPath(decodeRegistryConfig(header));
  return (repository) => {
    const auth = lookup(repository);
    return auth === undefined ? undefined : toAuth(auth);
  };
};

const mapOf = <T>(c: Context, name: string): Readonly<Record<string, T>> => {
  const value = textOf(c, name);
  const parsed = value === undefined ? {} : parseJsonParameter(name, value);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw apiErrors.parameterInvalid({ name, value: value ?? '', expected: 'a JSON map of texts' });
  return parsed as Readonly<Record<string, T>>;
};

/** Options whose silent neglect would build something else, or with other powers, than was asked for. */
const REFUSED: Readonly<Record<string, string>> = {
  remote: 'contexts are sent with the request; download or clone it on the client',
  squash: 'layers are kept as the Dockerfile makes them',
  securityopt: 'RUN steps use the default profile',
  cgroupparent: 'RUN steps have their own control group',
  ulimits: 'RUN steps use the default limits',
  outputs: 'the result is an image; use docker save to write it to a file',
  session: 'it belongs to BuildKit, which needs API version=2',
};
/** Limits that clients send as zeros; any other number is refused. */
const LIMITS = ['memory', 'memswap', 'cpushares', 'cpuquota', 'cpuperiod'];
const EMPTY = new Set(['', '0', 'null', '[]', '{}', 'false']);

const refuseUnsupported = (c: Context): void => {
  const given = (name: string): boolean => !EMPTY.has(c.req.query(name) ?? '');
  for (const [option, reason] of Object.entries(REFUSED))
    if (given(option)) throw daemonErrors.optionUnsupported({ option, reason });
  for (const option of [...LIMITS, 'cpusetcpus', 'cpusetmems'])
    if (given(option))
      throw daemonErrors.optionUnsupported({ option, reason: 'RUN steps have no limits of their own' });
  const version = c.req.query('version') ?? '1';
  if (version !== '1' && version !== '')
    throw daemonErrors.optionUnsupported({
      option: `build version ${version}`,
      reason: 'BuildKit builds come later; set DOCKER_BUILDKIT=0',
    });
};

const networkOf = (value: string | undefined): BuildRequest['network'] => {
  if (value === undefined || value === 'default' || value === 'bridge') return 'default';
  if (value === 'none' || value === 'host') return value;
  throw daemonErrors.optionUnsupported({
    option: `network mode ${value}`,
    reason: 'RUN steps use default, none or host',
  });
};

const undefinedForNull = (
  values: Readonly<Record<string, string | null>>,
): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value ?? undefined]));

/** What the daemon itself adds to every build. */
export interface BuildDefaults {
  readonly hostCa: { readonly path: string } | undefined;
  readonly proxies: Readonly<Record<string, string>>;
}

/** POST /build as a request to the builder. */
export const fromDockerQuery = (
  c: Context,
  context: BuildContext,
  defaults: BuildDefaults,
  signal: AbortSignal,
): BuildRequest => {
  refuseUnsupported(c);
  const shmSizeBytes = parseWhole('shmsize', c.req.query('shmsize'));
  return {
    context,
    dockerfile: textOf(c, 'dockerfile'),
    tags: (c.req.queries('t') ?? []).filter((tag) => tag !== ''),
    buildArgs: undefinedForNull(mapOf<string | null>(c, 'buildargs')),
    labels: mapOf<string>(c, 'labels'),
    target: textOf(c, 'target'),
    platforms: textOf(c, 'platform')?.split(',') ?? [],
    noCache: flag(c, 'nocache'),
    pull: flag(c, 'pull'),
    network: networkOf(textOf(c, 'networkmode')),
    hostCa: defaults.hostCa,
    proxies: defaults.proxies,
    extraHosts: (c.req.queries('extrahosts') ?? []).filter((host) => host !== ''),
    shmSizeBytes: shmSizeBytes === 0 ? undefined : shmSizeBytes,
    auth: authLookup(c.req.header('x-registry-config')),
    signal,
  };
};

type ContextsBody = NonNullable<BuildOrder['contexts']>;

const namedContexts = (contexts: ContextsBody): NonNullable<BuildRequest['contexts']> =>
  Object.fromEntries(
    Object.entries(contexts).map(([name, context]) => [
      name,
      context.kind === 'oci-layout' ? { ...context, reference: context.reference } : context,
    ]),
  );

/** A build's order as both of Lade's calls send it. */
export type BuildOrder = Body<'ladeArchiveBuild'>;

interface Surroundings {
  readonly defaults: BuildDefaults;
  readonly auth: BuildRequest['auth'];
  readonly signal: AbortSignal;
}

/** POST /lade/v1/build and /lade/v1/build/archive as a request to the builder. */
export const fromLadeOrder = (
  order: BuildOrder,
  context: BuildContext,
  { defaults, auth, signal }: Surroundings,
): BuildRequest => {
  const {
    dockerfileText,
    contexts = {},
    secrets = {},
    buildArgs = {},
    network,
    hostCa,
    proxies,
    ...rest
  } = order;
  return {
    ...rest,
    context,
    dockerfile: dockerfileText === undefined ? order.dockerfile : { inline: dockerfileText },
    contexts: namedContexts(contexts),
    buildArgs: undefinedForNull(buildArgs),
    network: network === 'bridge' ? 'default' : network,
    hostCa: hostCa ?? defaults.hostCa,
    proxies: { ...defaults.proxies, ...proxies },
    secrets: Object.fromEntries(
      Object.entries(secrets).map(([id, content]) => [id, Buffer.from(content, 'base64')]),
    ),
    auth,
    signal,
  };
};

/** The context that a body names. @throws DAEMON_PARAMETER_MISSING */
export const contextOfBody = ({ contextPath, contextUrl }: Body<'ladeBuild'>): BuildContext => {
  if (contextPath !== undefined) return { kind: 'directory', path: contextPath };
  if (contextUrl !== undefined) return { kind: 'remote', url: contextUrl };
  throw daemonErrors.parameterMissing({ name: 'contextPath' });
};
