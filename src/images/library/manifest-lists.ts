import { copyImage } from '#distribution';
import type { Emit } from '#events';
import {
  MAX_MANIFEST_BYTES,
  MEDIA_TYPES,
  canonicalString,
  encodeIndex,
  familiarString,
  isIndexType,
  parseManifest,
  parseReference,
  repositoryName,
  sha256Of,
  shortId,
  withDigest,
  type Descriptor,
  type Digest,
  type Reference,
} from '#oci';
import type { ListEntry, ManifestList } from '#store';
import type { Context } from './context.ts';
import { libraryErrors } from './errors.ts';
import { createLimit } from './limit.ts';
import { gatherEntry, type Gathered } from './list-entries.ts';
import type {
  AnnotateListRequest,
  CreateListRequest,
  ImageLists,
  InspectedList,
  ListRequest,
  SeenManifest,
} from './list-types.ts';
import { sendTree } from './push-tree.ts';
import type { Push } from './push-blobs.ts';
import type { Cancellable, LibraryEvent } from './types.ts';

const listName = (name: string): string => {
  const reference = parseReference(name);
  if (reference.digest !== undefined) throw libraryErrors.digestInTag({});
  return canonicalString(reference);
};

const mustGet = (context: Context, name: string): ManifestList => {
  const list = context.store.lists.get(listName(name));
  if (list === undefined) throw libraryErrors.listNotFound({ name });
  return list;
};

/** Docker's media type where all manifests have Docker's, and OCI's otherwise. */
const indexOf = ({ entries }: ManifestList): { readonly bytes: Buffer; readonly mediaType: string } => {
  const isDocker = entries.every(({ descriptor }) => descriptor.mediaType === MEDIA_TYPES.dockerManifest);
  const mediaType = isDocker ? MEDIA_TYPES.dockerIndex : MEDIA_TYPES.ociIndex;
  return {
    mediaType,
    bytes: encodeIndex({ mediaType, manifests: entries.map((entry) => entry.descriptor) }),
  };
};

/** One entry for each manifest; a later one replaces an earlier one, in its place. */
const mergeEntries = (known: readonly ListEntry[], added: readonly ListEntry[]): readonly ListEntry[] => {
  const entries = new Map(known.map((entry) => [entry.descriptor.digest, entry]));
  for (const entry of added) entries.set(entry.descriptor.digest, entry);
  return [...entries.values()];
};

const create = async (context: Context, request: CreateListRequest): Promise<ManifestList> => {
  const { lists, leases } = context.store;
  const name = listName(request.list);
  const known = lists.get(name);
  if (known !== undefined && request.amend !== true) throw libraryErrors.listExists({ name: request.list });
  await using lease = await leases.create({ label: `manifest list ${request.list}` });
  const gathered: Gathered[] = [];
  for (const manifest of request.manifests) {
    gathered.push(await gatherEntry(context, manifest, { ...request, lease }));
  }
  const added = gathered.map(({ entry }) => entry);
  const list = { name, entries: mergeEntries(known?.entries ?? [], added) };
  await lists.put(
    list,
    gathered.flatMap(({ blobs }) => blobs),
  );
  return list;
};

/** Whether an entry is meant by a name: as it was added, or by its digest. */
const isMeant = ({ reference, descriptor }: ListEntry, name: Reference): boolean =>
  reference === canonicalString(name) ||
  (name.digest === descriptor.digest &&
    repositoryName(parseReference(reference, { defaultTag: false })) === repositoryName(name));

const entryNamed = (context: Context, list: ManifestList, manifest: string): ListEntry => {
  const name = parseReference(manifest);
  const byTag = context.store.images.reference(canonicalString(name))?.target?.digest;
  const found =
    list.entries.find((entry) => isMeant(entry, name)) ??
    list.entries.find(({ descriptor }) => byTag !== undefined && descriptor.digest === byTag);
  if (found === undefined) throw libraryErrors.manifestNotInList({ manifest, name: list.name });
  return found;
};

const annotate = async (context: Context, request: AnnotateListRequest): Promise<ManifestList> => {
  const list = mustGet(context, request.list);
  const entry = entryNamed(context, list, request.manifest);
  const { os, architecture, variant, osVersion, osFeatures } = request;
  const given = { os, architecture, variant, osVersion, osFeatures };
  const chosen = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const platform = { os: '', architecture: '', ...entry.descriptor.platform, ...chosen };
  const changed: ListEntry = { ...entry, descriptor: { ...entry.descriptor, platform } };
  const entries = list.entries.map((other) => (other === entry ? changed : other));
  const next = { ...list, entries };
  await context.store.lists.put(next);
  return next;
};

const seen = async (context: Context, { reference, descriptor }: ListEntry): Promise<SeenManifest> => ({
  reference,
  descriptor,
  bytes: await context.store.blobs.read(descriptor.digest, { maxBytes: MAX_MANIFEST_BYTES }),
});

const inspectOwn = async (
  context: Context,
  list: ManifestList,
  manifest: string | undefined,
): Promise<InspectedList> => {
  if (manifest !== undefined)
    return { ...(await seen(context, entryNamed(context, list, manifest))), parts: [] };
  const { bytes, mediaType } = indexOf(list);
  return {
    reference: list.name,
    descriptor: { mediaType, digest: sha256Of(bytes), size: bytes.length },
    bytes,
    parts: await Promise.all(list.entries.map((entry) => seen(context, entry))),
  };
};

const inspectRemote = async (
  { client, list, signal }: ListRequest,
  parts: boolean,
): Promise<InspectedList> => {
  const reference = parseReference(list);
  const repository = client.repository(reference);
  const { descriptor, bytes } = await repository.resolve(undefined, { signal });
  const top = { reference: canonicalString(reference), descriptor, bytes, parts: [] };
  if (!parts || !isIndexType(descriptor.mediaType)) return top;
  const index = parseManifest(bytes, descriptor.mediaType);
  const members: SeenManifest[] = [];
  for (const entry of index.kind === 'index' ? index.manifests : []) {
    const found = await repository.manifest(entry, { signal });
    const named = canonicalString(withDigest(reference, entry.digest));
    members.push({ reference: named, descriptor: entry, bytes: found.bytes });
  }
  return { ...top, parts: members };
};

interface ListPush extends Cancellable {
  readonly target: Reference;
  readonly push: Push;
  readonly client: ListRequest['client'];
  readonly emit: Emit<LibraryEvent>;
}

/** Sends an image that is here; its manifest goes under its digest. */
const sendOwn = async (
  context: Context,
  { push, target }: ListPush,
  { digest, mediaType, size }: Descriptor,
): Promise<void> => {
  const manifest = parseManifest(await context.store.blobs.read(digest), mediaType);
  const top = { descriptor: { mediaType, digest, size }, manifest };
  const tree = { top, below: [], referrers: [], missingManifests: [], missingBlobs: [] };
  await sendTree(context, { ...push, reference: withDigest(target, digest), target: digest }, tree);
};

/** Lets the registry take an image from another of its repositories, or brings it over from another registry. */
const copyOver = async ({ target, client, emit, signal }: ListPush, entry: ListEntry): Promise<void> => {
  const { digest } = entry.descriptor;
  const from = parseReference(entry.reference, { defaultTag: false });
  if (repositoryName(from) === repositoryName(target)) return;
  const source = client.repository(withDigest(from, digest));
  await copyImage({ source, target: client.repository(withDigest(target, digest)), signal }, (event) => {
    if (event.kind === 'blob' && event.current === undefined)
      emit({ kind: 'status', message: event.status, id: shortId(event.digest) });
  });
};

const sendEntry = async (context: Context, list: ListPush, entry: ListEntry): Promise<void> => {
  if (entry.from === 'store') await sendOwn(context, list, entry.descriptor);
  else await copyOver(list, entry);
  const { digest } = entry.descriptor;
  const pushed = familiarString(withDigest(list.target, digest));
  list.emit({ kind: 'status', message: `Pushed ref ${pushed} with digest: ${digest}` });
};

const assertPlatforms = ({ entries }: ManifestList): void => {
  const nameless = entries.find(({ descriptor: { platform, artifactType } }) =>
    platform === undefined ? artifactType === undefined : platform.os === '' || platform.architecture === '',
  );
  if (nameless !== undefined) throw libraryErrors.manifestWithoutPlatform({ name: nameless.reference });
};

const PARALLEL_UPLOADS = 5;

const pushList = async (
  context: Context,
  request: ListRequest & { readonly purge?: boolean | undefined },
  emit: Emit<LibraryEvent>,
): Promise<{ readonly digest: Digest; readonly size: number }> => {
  const { client, signal } = request;
  const list = mustGet(context, request.list);
  assertPlatforms(list);
  const target = parseReference(list.name);
  const repository = client.repository(target);
  await using lease = await context.store.leases.create({ label: `push ${request.list}` });
  const [uploads, compressions] = [createLimit(PARALLEL_UPLOADS), createLimit(1)];
  const push: Push = { reference: target, repository, lease, signal, emit, uploads, compressions };
  for (const entry of list.entries) await sendEntry(context, { target, push, client, emit, signal }, entry);
  const index = indexOf(list);
  const { digest, size } = await repository.pushManifest(target.tag ?? 'latest', index, { signal });
  if (request.purge === true) await remove(context, request.list);
  return { digest, size };
};

const remove = async (context: Context, name: string): Promise<void> => {
  if (!(await context.store.lists.remove(listName(name)))) throw libraryErrors.listNotFound({ name });
  await context.collect();
};

/** Indexes that are put together by hand: `docker manifest`, kept in the store. */
export const createImageLists = (context: Context): ImageLists => ({
  create: (request) => create(context, request),
  annotate: (request) => annotate(context, request),
  async inspect(request) {
    const own = context.store.lists.get(canonicalString(parseReference(request.list)));
    if (own !== undefined) return inspectOwn(context, own, request.manifest);
    if (request.manifest !== undefined) throw libraryErrors.listNotFound({ name: request.list });
    return inspectRemote(request, request.parts === true);
  },
  push: (request, emit = () => undefined) => pushList(context, request, emit),
  remove: (list) => remove(context, list),
  names: () =>
    context.store.lists.names().map((name) => familiarString(parseReference(name, { defaultTag: false }))),
});
