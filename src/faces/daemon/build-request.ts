import { decodeRegistryConfig, type AuthConfig, type Body } from '#api';
import type { BuildContext, BuildRequest, RegistryAuth } from '#builder';
import { daemonErrors } from './errors.ts';
import { longestPath } from './image-names.ts';

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

/** Null stands for a variable without a value. */
export const undefinedForNull = (
  values: Readonly<Record<string, string | null>>,
): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value ?? undefined]));

/** What the daemon itself adds to every build. */
export interface BuildDefaults {
  readonly hostCa: { readonly path: string } | undefined;
  readonly proxies: Readonly<Record<string, string>>;
}

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
    call: _call,
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
