import { toLadeError } from '#errors';
import type { Emit } from '#events';
import { familiarString, parseReference, shortId, type ImageId } from '#oci';
import type { LibraryEvent } from '#library';
import type { ImageRecord, ManifestLink } from '#store';
import { openDockerApi } from './docker-api.ts';
import { openDockerFolder } from './docker-folder.ts';
import { adoptionErrors } from './errors.ts';
import type {
  AdoptionFailure,
  AdoptionParts,
  AdoptionReport,
  AdoptRequest,
  DockerImage,
  DockerSource,
} from './types.ts';

export const DOCKER_HOST = 'unix:///var/run/docker.sock';

/** One adoption on its way. */
interface Adoption {
  readonly parts: AdoptionParts;
  readonly source: DockerSource;
  readonly request: AdoptRequest;
  readonly emit: Emit<LibraryEvent>;
  readonly adopted: ImageId[];
  readonly present: ImageId[];
  readonly keptNames: string[];
  readonly failed: AdoptionFailure[];
}

interface Here {
  readonly record: ImageRecord;
  /** What its names resolve to, where it came with a manifest. */
  readonly target: ManifestLink | undefined;
}

const shown = (reference: string): string => familiarString(parseReference(reference, { defaultTag: false }));

const nameOf = ({ id, tags }: DockerImage): string => (tags[0] === undefined ? shortId(id) : shown(tags[0]));

/** The image as it is here: by its configuration's digest, or by that of the manifest or index it came with. */
const findHere = ({ parts }: Adoption, { id }: DockerImage): Here | undefined => {
  const { images } = parts.store;
  const record = images.get(id as ImageId);
  if (record !== undefined) return { record, target: undefined };
  const target = images.target(id);
  const named = images.references().find((reference) => reference.target?.digest === id);
  const whole = named === undefined ? undefined : images.get(named.image);
  return target === undefined || whole === undefined ? undefined : { record: whole, target };
};

/** Gives an image the names that it has at Docker's, unless they mean another one here. */
const giveNames = async (adoption: Adoption, image: DockerImage, { record, target }: Here): Promise<void> => {
  const { images } = adoption.parts.store;
  for (const tag of image.tags) {
    const before = images.byReference(tag);
    if (before?.id === record.id) continue;
    if (before !== undefined && adoption.request.moveNames !== true) adoption.keptNames.push(shown(tag));
    else await images.tag(tag, record.id, target);
  }
  for (const digest of image.repoDigests)
    if (images.byReference(digest) === undefined) await images.addRepoDigest(digest, record.id, target);
};

/** Names that are free here, or are to be moved. */
const freeNames = ({ parts, request }: Adoption, { tags }: DockerImage): readonly string[] =>
  request.moveNames === true ? tags : tags.filter((tag) => parts.store.images.byReference(tag) === undefined);

const bring = async (adoption: Adoption, image: DockerImage): Promise<void> => {
  const { parts, source, request, emit } = adoption;
  const { signal } = request;
  emit({ kind: 'status', message: `Adopting ${nameOf(image)}`, id: shortId(image.id) });
  const has = (diffId: Parameters<AdoptionParts['layers']['info']>[0]): boolean =>
    parts.layers.info(diffId) !== undefined;
  const { stream, knownLayer } = await source.archive(image, { has, signal });
  const names = { tags: freeNames(adoption, image), repoDigests: image.repoDigests };
  const quiet: Emit<LibraryEvent> = (event) => {
    if (event.kind === 'layer') emit(event);
  };
  const [view] = await parts.library.load(stream, quiet, { signal, knownLayer, names });
  const here = findHere(adoption, image);
  if (view === undefined || here?.record.id !== view.id)
    throw adoptionErrors.idMismatch({ expected: image.id, actual: view?.id ?? 'nothing' });
  await giveNames(adoption, image, here);
  adoption.adopted.push(view.id);
};

const adoptOne = async (adoption: Adoption, image: DockerImage): Promise<void> => {
  try {
    const here = findHere(adoption, image);
    if (here === undefined) return await bring(adoption, image);
    await giveNames(adoption, image, here);
    adoption.present.push(here.record.id);
    adoption.emit({ kind: 'status', message: `${nameOf(image)} is here already`, id: shortId(image.id) });
  } catch (error) {
    adoption.request.signal?.throwIfAborted();
    const { message, hint } = toLadeError(error);
    adoption.failed.push({ image: nameOf(image), message, hint });
    adoption.emit({ kind: 'status', message: `${nameOf(image)} cannot be adopted: ${message}` });
  }
};

const openSource = ({ host = DOCKER_HOST, dataRoot }: AdoptRequest): DockerSource =>
  dataRoot === undefined ? openDockerApi(host) : openDockerFolder(dataRoot);

/**
 * Brings over all images of a Docker installation, which is only read, with their tags and the digests that Docker knows
 * for them. An image that cannot be had is in the report; run again, only what is missing is fetched.
 */
export const adoptDocker = async (
  parts: AdoptionParts,
  request: AdoptRequest,
  emit: Emit<LibraryEvent>,
): Promise<AdoptionReport> => {
  await using source = openSource(request);
  const results = { adopted: [], present: [], keptNames: [], failed: [] };
  const adoption: Adoption = { parts, source, request, emit, ...results };
  for (const image of await source.list(request.signal)) {
    request.signal?.throwIfAborted();
    await adoptOne(adoption, image);
  }
  const { adopted, present, keptNames, failed } = adoption;
  return { adopted, present, keptNames, failed };
};
