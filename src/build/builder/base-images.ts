import { isLadeError } from '#errors';
import type { Emit } from '#events';
import type { ImageView, Library } from '#library';
import {
  formatPlatform,
  parseReference,
  repositoryName,
  type DiffId,
  type ImageConfig,
  type ImageId,
  type Platform,
} from '#oci';
import type { NamedContexts } from './named-contexts.ts';
import type { BuildEvent, BuildRequest, RegistryAuth } from './types.ts';

/** An image that a stage starts from or takes files from. */
export interface BaseImage {
  readonly id: ImageId;
  readonly config: ImageConfig;
  readonly layers: readonly DiffId[];
}

/** The credentials of a reference's repository, in the form that the registry client takes. */
export const credentialsFor = (auth: RegistryAuth | undefined) => {
  if (auth === undefined) return undefined;
  const { username, password, identityToken, registryToken } = auth;
  if (identityToken !== undefined && identityToken !== '')
    return { kind: 'identity-token', token: identityToken } as const;
  if (registryToken !== undefined && registryToken !== '')
    return { kind: 'bearer', token: registryToken } as const;
  if (username === undefined || username === '') return undefined;
  return { kind: 'basic', username, password: password ?? '' } as const;
};

const repositoryOf = (reference: string): string | undefined => {
  try {
    return repositoryName(parseReference(reference));
  } catch {
    return undefined;
  }
};

interface ImageRequest {
  readonly reference: string;
  readonly platform: Platform;
  /** The platform was asked for: another one is not good enough. */
  readonly strict: boolean;
}

interface BaseImageDependencies {
  readonly library: Pick<Library, 'prepare' | 'pull'>;
  readonly request: Pick<BuildRequest, 'pull' | 'auth' | 'signal'>;
  readonly emit: Emit<BuildEvent>;
  /** What `--build-context` names goes before images of that name. */
  readonly named?: NamedContexts | undefined;
}

const findLocal = async (
  { library, request }: BaseImageDependencies,
  { reference, platform, strict }: ImageRequest,
): Promise<ImageView | undefined> => {
  try {
    return await library.prepare(reference, {
      platform: strict ? formatPlatform(platform) : undefined,
      signal: request.signal,
    });
  } catch (error) {
    if (isLadeError(error, 'not-found')) return undefined;
    throw error;
  }
};

const pull = async (dependencies: BaseImageDependencies, wanted: ImageRequest): Promise<ImageView> => {
  const { library, request, emit } = dependencies;
  const { reference } = wanted;
  const repository = repositoryOf(reference);
  const auth = repository === undefined ? undefined : credentialsFor(request.auth?.(repository));
  const view = await library.pull(
    { reference, platform: formatPlatform(wanted.platform), aside: true, auth, signal: request.signal },
    (event) => {
      if (event.kind === 'layer') {
        const { id, status, current, total } = event;
        emit({ kind: 'pull', step: undefined, id, status, current, total });
      } else if (event.kind === 'status') emit({ kind: 'status', message: event.message, id: event.id });
    },
  );
  return library.prepare(view.id, { signal: request.signal });
};

/** Finds an image: the local one unless `pull` is asked for, else from its registry. */
export const findBaseImage = async (
  dependencies: BaseImageDependencies,
  wanted: ImageRequest,
): Promise<BaseImage> => {
  const named = await dependencies.named?.find(wanted.reference, wanted.platform);
  if (named !== undefined) {
    if (!('reference' in named)) return named;
    return findBaseImage({ ...dependencies, named: undefined }, { ...wanted, reference: named.reference });
  }
  const local = dependencies.request.pull === true ? undefined : await findLocal(dependencies, wanted);
  const { id, config } = local ?? (await pull(dependencies, wanted));
  return { id, config, layers: config.rootfs.diffIds };
};
