import { isLadeError } from '#errors';
import { familiarName, type Reference } from '#oci';
import { answerError } from './api-errors.ts';
import { blobSize, fetchBlob, hasBlob } from './blobs.ts';
import { distributionErrors } from './errors.ts';
import { listReferrers, listRepositories, listTags } from './lists.ts';
import { fetchManifest, headManifest, pushManifest, removeManifest, type Place } from './manifests.ts';
import { addToReferrersTag, referrerEntry, subjectIn } from './referrers-tag.ts';
import { createSession, type Session, type SessionOptions } from './session.ts';
import { createSources, fromFirst, type MirrorSession, type Sessions, type Sources } from './sources.ts';
import type {
  Cancellable,
  Credentials,
  Mirror,
  RegistryClient,
  RegistryClientOptions,
  RemoteRepository,
} from './types.ts';
import { mountBlob, pushBlob } from './upload.ts';

const DEFAULT_USER_AGENT = 'lade';
/** Tries at a mirror before it is passed over. */
const MIRROR_ATTEMPTS = 2;

/** Docker Hub's registry does not live at its name. */
const addressOf = (domain: string): string =>
  domain === 'docker.io' || domain === 'index.docker.io' ? 'registry-1.docker.io' : domain;

const hostOfAddress = (address: string): string =>
  address.includes('://') ? new URL(address).host : address;

type Policy = Pick<SessionOptions, 'userAgent' | 'retry' | 'guard'>;

const policyOf = ({ userAgent, retry, guard }: RegistryClientOptions): Policy => ({
  userAgent: userAgent ?? DEFAULT_USER_AGENT,
  retry,
  guard,
});

/** A mirror gets its own credentials only, and is not waited for long. */
const mirrorSession = (mirror: Mirror, policy: Policy): MirrorSession => ({
  session: createSession({
    ...policy,
    retry: {
      ...policy.retry,
      attempts: Math.min(policy.retry?.attempts ?? MIRROR_ATTEMPTS, MIRROR_ATTEMPTS),
    },
    host: hostOfAddress(mirror.address),
    address: mirror.address,
    settings: mirror,
    credentials: async () => mirror.credentials,
  }),
  prefix: mirror.prefix,
  down: false,
});

const sessionsFor = async (domain: string, options: RegistryClientOptions): Promise<Sessions> => {
  const settings = (await options.hosts?.(domain)) ?? {};
  const policy = policyOf(options);
  const credentials = async (repository: string): Promise<Credentials | undefined> =>
    (await options.credentials?.(domain, repository)) ?? settings.credentials;
  return {
    origin: createSession({ ...policy, host: domain, address: addressOf(domain), settings, credentials }),
    mirrors: (settings.mirrors ?? []).map((mirror) => mirrorSession(mirror, policy)),
  };
};

/** Somewhere outside of the registry: nobody's credentials go there. */
const foreignSession = async (url: URL, options: RegistryClientOptions): Promise<Session> =>
  createSession({
    ...policyOf(options),
    host: url.host,
    address: url.origin,
    settings: (await options.hosts?.(url.host)) ?? {},
    credentials: async () => undefined,
  });

const isWebAddress = (url: string): boolean => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);

const isUnavailable = (error: unknown): boolean =>
  isLadeError(error, 'unavailable') || isLadeError(error, 'timeout');

const createRepository = (
  reference: Reference,
  sessions: () => Promise<Sessions>,
  options: RegistryClientOptions & { readonly foreign: (url: URL) => Promise<Session> },
): RemoteRepository => {
  const { path } = reference;
  const uploads = new Map<string, URL>();
  const own = reference.digest ?? reference.tag ?? 'latest';
  let known: Promise<Sources> | undefined;
  const sources = (): Promise<Sources> =>
    (known ??= sessions().then((found) =>
      createSources(found, { path, name: familiarName(reference), notice: options.notice }),
    ));
  const origin = async (): Promise<Place> => (await sources()).origin;

  /** The first mirror that can, else the registry itself. */
  const pulling = async <T>(call: (place: Place) => Promise<T>, o: Cancellable): Promise<T> => {
    const all = await sources();
    return fromFirst(all, all.places(), call, o.signal);
  };
  /** The registry itself; a mirror where it cannot be reached. */
  const listing = async <T>(call: (place: Place) => Promise<T>, o: Cancellable): Promise<T> => {
    const all = await sources();
    try {
      return await call(all.origin);
    } catch (error) {
      const mirrors = all.places().slice(0, -1);
      if (mirrors.length === 0 || !isUnavailable(error)) throw error;
      return await fromFirst(all, mirrors, call, o.signal).catch(() => {
        throw error;
      });
    }
  };

  const elsewhere = (urls: readonly string[]): Promise<readonly Place[]> =>
    Promise.all(
      urls
        .filter(isWebAddress)
        .map((url) => new URL(url))
        .map(async (url) => ({
          session: await options.foreign(url),
          path,
          name: url.host,
          blobUrl: url,
        })),
    );

  return {
    reference,
    resolve: (target = own, o = {}) => pulling((at) => fetchManifest(at, target, o), o),
    manifest: (target, o = {}) => pulling((at) => fetchManifest(at, target, o), o),
    head: async (target, o) => headManifest(await origin(), target, o),
    blob: async (digest, o = {}) =>
      fetchBlob(await sources(), digest, { ...o, elsewhere: await elsewhere(o.urls ?? []) }),
    distrust: async (digest) => (await sources()).distrust(digest),
    blobSize: async (digest, o) => blobSize(await origin(), digest, o),
    hasBlob: async (digest, o) => hasBlob(await origin(), digest, o),
    mountBlob: async (digest, from, o = {}) =>
      mountBlob(await origin(), digest, {
        ...o,
        from,
        onSession: (location) => void uploads.set(digest, location),
      }),
    pushBlob: async (descriptor, open, o = {}) => {
      const location = uploads.get(descriptor.digest);
      uploads.delete(descriptor.digest);
      await pushBlob(await origin(), { ...o, descriptor, open, location, retry: options.retry });
    },
    pushManifest: async (target, manifest, o = {}) => {
      const at = await origin();
      const { descriptor, listed } = await pushManifest(at, target, { ...manifest, ...o });
      const subject = subjectIn(manifest.bytes, manifest.mediaType);
      if (subject !== undefined && !listed) {
        const entry = referrerEntry(manifest.bytes, descriptor);
        await addToReferrersTag(at, { subject, descriptor: entry, signal: o.signal });
      }
      return descriptor;
    },
    remove: async (target, o) => removeManifest(await origin(), target, o),
    tags: (o = {}) => listing((at) => listTags(at, o), o),
    referrers: (digest, o = {}) => listing((at) => listReferrers(at, digest, o), o),
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
  const known = new Map<string, Promise<Sessions>>();
  const outside = new Map<string, Promise<Session>>();

  const foreign = (url: URL): Promise<Session> => {
    const session = outside.get(url.origin) ?? foreignSession(url, options);
    outside.set(url.origin, session);
    return session;
  };

  const sessions = (domain: string): Promise<Sessions> => {
    const found = known.get(domain);
    if (found !== undefined) return found;
    const made = sessionsFor(domain, options);
    known.set(domain, made);
    made.catch(() => known.delete(domain));
    return made;
  };

  return {
    repository: (reference) =>
      createRepository(reference, () => sessions(reference.domain), { ...options, foreign }),
    catalog: async function* (host, o = {}) {
      yield* listRepositories((await sessions(host)).origin, o);
    },
    ping: async (host, o = {}) => {
      try {
        await pingSession((await sessions(host)).origin, o);
      } catch (error) {
        const anonymous = (await options.credentials?.(host, '')) === undefined;
        if (!(anonymous && distributionErrors.unauthorized.is(error))) throw error;
      }
    },
    checkLogin: async (host, credentials, o = {}) => {
      await using session = createSession({
        host,
        address: addressOf(host),
        settings: (await options.hosts?.(host)) ?? {},
        credentials: async () => credentials,
        ...policyOf(options),
        offline: true,
      });
      await pingSession(session, o);
      return { identityToken: session.authorizer.refreshToken() };
    },
    [Symbol.asyncDispose]: async () => {
      const opened = await Promise.allSettled(known.values());
      known.clear();
      const all = opened.flatMap((each) =>
        each.status === 'rejected'
          ? []
          : [each.value.origin, ...each.value.mirrors.map(({ session }) => session)],
      );
      const foreigners = (await Promise.allSettled(outside.values())).flatMap((each) =>
        each.status === 'fulfilled' ? [each.value] : [],
      );
      await Promise.all([...all, ...foreigners].map((session) => session[Symbol.asyncDispose]()));
    },
  };
};
