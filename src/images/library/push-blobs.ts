import type { RemoteRepository } from '#distribution';
import type { Emit } from '#events';
import { parseReference, shortId, type Descriptor, type DiffId, type Digest, type Reference } from '#oci';
import type { ImageReference, Lease } from '#store';
import type { Context } from './context.ts';
import type { Limit, LimitOptions } from './limit.ts';
import { layerProgress, type LayerProgress } from './progress.ts';
import type { LibraryEvent } from './types.ts';

/** Repositories of the same registry that are asked to share a layer. */
const MOUNT_SOURCES = 3;
/** Images with a layer whose names are looked at. */
const LAYER_USERS = 50;

/** One push to one repository. */
export interface Push {
  readonly reference: Reference;
  /** Digest of the index or artifact that goes as it is. */
  readonly target?: Digest | undefined;
  readonly repository: RemoteRepository;
  readonly lease: Lease;
  readonly signal?: AbortSignal | undefined;
  readonly emit: Emit<LibraryEvent>;
  readonly uploads: Limit;
  readonly compressions: Limit;
}

/** Other repositories of the same registry that these digests were pulled from or pushed to. */
const repositoriesOf = (push: Push, references: readonly ImageReference[]): readonly string[] => {
  const names = references
    .filter((reference) => reference.kind === 'digest')
    .map((item) => parseReference(item.reference, { defaultTag: false }))
    .filter(({ domain, path }) => domain === push.reference.domain && path !== push.reference.path)
    .map(({ path }) => path);
  return [...new Set(names)].slice(0, MOUNT_SOURCES);
};

/** Where an image with this layer was. */
const sourcesOfLayer = ({ store: { images } }: Context, push: Push, diffId: DiffId): readonly string[] => {
  const users = images.withLayer(diffId).slice(0, LAYER_USERS);
  return repositoriesOf(
    push,
    users.flatMap((id) => images.references(id)),
  );
};

/** Where the very thing that is pushed was. */
const sourcesOfTarget = ({ store: { images } }: Context, push: Push): readonly string[] =>
  push.target === undefined ? [] : repositoriesOf(push, images.referencesTo(push.target));

const mounted = async (
  push: Push,
  digest: Digest,
  sources: readonly string[],
): Promise<string | undefined> => {
  for (const source of sources) {
    const result = await push.repository.mountBlob(digest, source, { signal: push.signal });
    if (result === 'mounted') return source;
  }
  return undefined;
};

const upload = async (
  context: Context,
  push: Push,
  descriptor: Descriptor,
  progress?: LayerProgress,
): Promise<void> => {
  const { digest, size } = descriptor;
  await push.repository.pushBlob({ digest, size }, (start) => context.store.blobs.stream(digest, { start }), {
    signal: push.signal,
    onProgress: (sent) => progress?.count('Pushing', sent, size),
  });
};

/** The largest goes first, so that it is not what remains at the end. */
const inTurn = ({ signal }: Push, { size }: Descriptor): LimitOptions => ({ weight: size, signal });

/** Makes the registry have one layer. */
export const sendLayer = (
  context: Context,
  push: Push,
  diffId: DiffId,
  descriptor: Descriptor,
): Promise<void> =>
  push.uploads(
    async () => {
      const progress = layerProgress(push.emit, shortId(diffId));
      if (await push.repository.hasBlob(descriptor.digest, { signal: push.signal })) {
        progress.state('Layer already exists');
        return;
      }
      const source = await mounted(push, descriptor.digest, sourcesOfLayer(context, push, diffId));
      if (source === undefined) await upload(context, push, descriptor, progress);
      progress.state(source === undefined ? 'Pushed' : `Mounted from ${source}`);
    },
    inTurn(push, descriptor),
  );

/** Makes the registry have a small blob, without telling of it. */
export const sendConfig = async (context: Context, push: Push, descriptor: Descriptor): Promise<void> => {
  const { signal } = push;
  if (!(await push.repository.hasBlob(descriptor.digest, { signal })))
    await upload(context, push, descriptor);
};

/** Makes the registry have a blob that is no layer of an image here. */
export const sendBlob = (context: Context, push: Push, descriptor: Descriptor): Promise<void> =>
  push.uploads(
    async () => {
      const progress = layerProgress(push.emit, shortId(descriptor.digest));
      if (await push.repository.hasBlob(descriptor.digest, { signal: push.signal })) {
        progress.state('Layer already exists');
        return;
      }
      const source = await mounted(push, descriptor.digest, sourcesOfTarget(context, push));
      if (source === undefined) await upload(context, push, descriptor, progress);
      progress.state(source === undefined ? 'Pushed' : `Mounted from ${source}`);
    },
    inTurn(push, descriptor),
  );
