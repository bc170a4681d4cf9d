import { familiarName, type Reference } from '#oci';
import { answerError } from './api-errors.ts';
import { fetchBlob, hasBlob } from './blobs.ts';
import { distributionErrors } from './errors.ts';
import { listReferrers, listTags } from './lists.ts';
import { fetchManifest, headManifest, pushManifest, removeManifest, type Place } from './manifests.ts';
import { createSession, type Session } from './session.ts';
import type {
  Cancellable,
  Credentials,
  RegistryClient,
  RegistryClientOptions,
  RemoteRepository,
} from './types.ts';
import { mountBlob, pushBlob } from './upload.ts';

const DEFAULT_USER_AGENT = 'lade';

/** Docker Hub's registry does not live at its name. */
const addressOf = (domain: string): string =>
  domain === 'docker.io' || domain === 'index.docker.io' ? 'registry-1.docker.io' : domain;

interface Sessions {
  readonly origin: Session;
  /** Tried first when pulling. */
  readonly mirrors: readonly Session[];
}

const sessionsFor = (
  domain: string,
  options: RegistryClientOptions,
  credentials: (repository: string) => Promise<Credentials | undefined>,
): Sessions => {
  const settings = options.hosts?.[domain] ?? {};
  const common = { settings, userAgent: options.userAgent ?? DEFAULT_USER_AGENT, retry: options.retry };
  const mirrors = (settings.mirrors ?? []).map((mirror) => {
    const host = new URL(mirror).host;
    const mirrorCredentials = async (repository: string) => options.credentials?.(host, repository);
    return createSession({ ...common, host, address: mirror, credentials: mirrorCredentials });
  });
  return {
    origin: createSession({ ...common, host: domain, address: addressOf(domain), credentials }),
    mirrors,
  };
};

const createRepository = (
  reference: Reference,
  sessions: Sessions,
  options: RegistryClientOptions,
): RemoteRepository => {
  const name = familiarName(reference);
  const placeAt = (session: Session): Place => ({ session, path: reference.path, name });
  const place = placeAt(sessions.origin);
  const uploads = new Map<string, URL>();
  const own = reference.digest ?? reference.tag ?? 'latest';

  /** The first mirror that can, else the registry itself. */
  const pulling = async <T>(
    call: (place: Place) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> => {
    for (const mirror of sessions.mirrors) {
      try {
        return await call(placeAt(mirror));
      } catch (error) {
        if (signal?.aborted === true) throw error;
      }
    }
    return call(place);
  };

  return {
    reference,
    resolve: (target = own, o = {}) => pulling((at) => fetchManifest(at, target, o), o.signal),
    manifest: (target, o = {}) => pulling((at) => fetchManifest(at, target, o), o.signal),
    head: (target, o) => headManifest(place, target, o),
    blob: (digest, o = {}) =>
      pulling((at) => fetchBlob(at, digest, { ...o, retry: options.retry }), o.signal),
    hasBlob: (digest, o) => hasBlob(place, digest, o),
    mountBlob: (digest, from, o = {}) =>
      mountBlob(place, digest, { ...o, from, onSession: (location) => void uploads.set(digest, location) }),
    pushBlob: async (descriptor, open, o = {}) => {
      const location = uploads.get(descriptor.digest);
      uploads.delete(descriptor.digest);
      await pushBlob(place, { ...o, descriptor, open, location, retry: options.retry });
    },
    pushManifest: (target, manifest, o = {}) => pushManifest(place, target, { ...manifest, ...o }),
    remove: (target, o) => removeManifest(place, target, o),
    tags: (o) => listTags(place, o),
    referrers: (digest, o) => listReferrers(place, digest, o),
  };
};

const pingSession = async (session: Session, { signal }: Cancellable): Promise<void> => {
  const response = await session.send({ method: 'GET', url: '/v2/', signal });
  if (response.status === 200) {
    response.body.resume();
    return;
  }
  throw await answerError(response, { host: session.host, name: session.host, kind: 'ping' });
};

/**
 * Makes a client for any number of registries. Connections, schemes and tokens are kept per host until it is disposed.
 * Loopback hosts may speak plain HTTP or have any certificate.
 */
export const createRegistryClient = (options: RegistryClientOptions = {}): RegistryClient => {
  const known = new Map<string, Sessions>();

  const sessions = (domain: string): Sessions => {
    const found = known.get(domain);
    if (found !== undefined) return found;
    const made = sessionsFor(domain, options, async (repository) =>
      options.credentials?.(domain, repository),
    );
    known.set(domain, made);
    return made;
  };

  return {
    repository: (reference) => createRepository(reference, sessions(reference.domain), options),
    ping: async (host, o = {}) => {
      try {
        await pingSession(sessions(host).origin, o);
      } catch (error) {
        const anonymous = (await options.credentials?.(host, '')) === undefined;
        if (!(anonymous && distributionErrors.unauthorized.is(error))) throw error;
      }
    },
    checkLogin: async (host, credentials, o = {}) => {
      await using session = createSession({
        host,
        address: addressOf(host),
        settings: options.hosts?.[host] ?? {},
        credentials: async () => credentials,
        userAgent: options.userAgent ?? DEFAULT_USER_AGENT,
        retry: options.retry,
        offline: true,
      });
      await pingSession(session, o);
      return { identityToken: session.authorizer.refreshToken() };
    },
    [Symbol.asyncDispose]: async () => {
      const all = [...known.values()].flatMap(({ origin, mirrors }) => [origin, ...mirrors]);
      known.clear();
      await Promise.all(all.map((session) => session[Symbol.asyncDispose]()));
    },
  };
};
