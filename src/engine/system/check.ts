import { toLadeError } from '#errors';
import { algorithmOf, hexOf, shortId, type DiffId, type Digest } from '#oci';
import { hashFile } from '#work';
import { findLeftovers } from './leftovers.ts';
import { repair } from './repair.ts';
import type { CheckFinding, CheckOptions, CheckReport, Fault, SystemParts } from './types.ts';

type Parts = Pick<SystemParts, 'store' | 'layers' | 'library' | 'root'>;

interface Piece {
  /** Bytes that are read. */
  readonly size: number;
  examine(signal: AbortSignal | undefined): Promise<Fault | undefined>;
}

interface File {
  readonly digest: Digest;
  readonly path: () => string;
  readonly stillThere: () => boolean;
}

/** What reading says of a bad disk, or of something else in the place of a file; a lack of memory is none of these. */
const UNREADABLE = /^(EIO|EUCLEAN|EBADMSG|EISDIR|ENOTDIR)\b/;

/** What is wrong with one file; content that was deleted meanwhile is no fault. */
const examineFile = async (
  { digest, path, stillThere }: File,
  signal: AbortSignal | undefined,
): Promise<'damaged' | 'missing' | undefined> => {
  try {
    const hex = await hashFile(path(), { algorithm: algorithmOf(digest), signal });
    return hex === hexOf(digest) || !stillThere() ? undefined : 'damaged';
  } catch (error) {
    const failure = toLadeError(error);
    const missing = failure.kind === 'not-found';
    if (!missing && !UNREADABLE.test(failure.message)) throw error;
    if (!stillThere()) return undefined;
    return missing ? 'missing' : 'damaged';
  }
};

const blobPiece = ({ store }: Parts, digest: Digest, size: number): Piece => ({
  size,
  async examine(signal) {
    const stillThere = (): boolean => store.blobs.stat(digest) !== undefined;
    const state = await examineFile({ digest, path: () => store.blobs.path(digest), stillThere }, signal);
    return state === undefined ? undefined : { kind: 'blob', digest, state };
  },
});

const layerPiece = ({ layers }: Parts, diffId: DiffId, size: number): Piece => ({
  size,
  async examine(signal) {
    const stillThere = (): boolean => layers.info(diffId) !== undefined;
    const file = { digest: diffId, path: () => layers.tarPath(diffId), stillThere };
    const state = await examineFile(file, signal);
    if (state !== undefined) return { kind: 'layer', digest: diffId, state };
    const forms = stillThere() ? await layers.verifyForms(diffId) : 'whole';
    return forms === 'whole' ? undefined : { kind: 'index', digest: diffId, state: forms };
  },
});

const piecesOf = (parts: Parts): { readonly blobs: readonly Piece[]; readonly layers: readonly Piece[] } => ({
  blobs: parts.store.blobs.list().map(({ digest, size }) => blobPiece(parts, digest, size)),
  layers: parts.layers.list().map(({ diffId, size }) => layerPiece(parts, diffId, size)),
});

/** Images that lack something they cannot do without. */
const incompleteImages = ({ store, layers }: Parts): readonly Fault[] =>
  store.images.list().flatMap((record): readonly Fault[] => {
    const layer = record.unpacked
      ? record.diffIds.find((diffId) => layers.info(diffId) === undefined)
      : undefined;
    const manifest = record.manifests.find(({ digest }) => store.blobs.stat(digest) === undefined);
    const lacks =
      record.kind === 'image' && store.blobs.stat(record.id) === undefined
        ? 'configuration'
        : layer !== undefined
          ? `layer ${layer}`
          : manifest && `manifest ${manifest.digest}`;
    return lacks === undefined
      ? []
      : [{ kind: 'image', digest: record.id, state: 'missing', detail: `lacks its ${lacks}` }];
  });

const recordFaults = ({ store }: Parts): readonly Fault[] =>
  store.space
    .recordFaults()
    .map((detail) => ({ kind: 'record', digest: undefined, state: 'dangling', detail }));

/** Images that need content, by the names people know. */
const usersOf = ({ store }: Parts, digest: Digest): string => {
  const names = store.images
    .list()
    .filter(({ id, diffIds, manifests }) =>
      [id, ...diffIds, ...manifests.map((link) => link.digest), ...store.images.content(id).blobs].some(
        (other) => other === digest,
      ),
    )
    .map(({ id }) => store.images.references(id)[0]?.reference ?? shortId(id));
  return names.length === 0
    ? ''
    : ` (needed by ${names.slice(0, 5).join(', ')}${names.length > 5 ? ' …' : ''})`;
};

const WORDS = {
  damaged: 'was changed on disk',
  missing: 'is recorded but its file is gone',
  dangling: '',
  leftover: '',
};

const HINT = 'run `lade system check --repair`';

const messageOf = (parts: Parts, fault: Fault): string => {
  if (fault.kind === 'record') return `the database: ${fault.detail ?? ''}`;
  if (fault.kind === 'file') return `${fault.detail ?? ''} is known to nobody`;
  const { kind, digest } = fault;
  if (kind === 'image') return `image ${shortId(digest)} ${fault.detail ?? ''}`;
  if (kind === 'index' && fault.state === 'damaged')
    return `mountable index of layer ${digest} is not what its tar gives: damaged, or made by another version${usersOf(parts, digest)}`;
  const what = kind === 'index' ? 'mountable index of layer' : kind;
  return `${what} ${digest} ${WORDS[fault.state]}${usersOf(parts, digest)}`;
};

const report = async (parts: Parts, fault: Fault, options: CheckOptions): Promise<CheckFinding> => {
  const { kind, digest, state } = fault;
  const found = { kind, digest, state };
  const message = messageOf(parts, fault);
  if (options.repair !== true) return { ...found, message: `${message}: ${HINT}` };
  const outcome = await repair(parts, fault, options.signal);
  return { ...found, message: `${message}: ${outcome.what}`, repair: outcome.result };
};

/**
 * Reads all blobs and layers, in worker threads, one after another, compares them with their digests, makes the index of
 * each layer again, and looks for records that point to nothing and files that nothing points to. With `repair`, mends
 * what it finds as it goes. The daemon may serve meanwhile.
 */
export const checkContent = async (parts: Parts, options: CheckOptions = {}): Promise<CheckReport> => {
  const { blobs, layers } = piecesOf(parts);
  const pieces = [...blobs, ...layers];
  const findings: CheckFinding[] = [];
  const find = async (faults: readonly Fault[]): Promise<void> => {
    for (const fault of faults) findings.push(await report(parts, fault, options));
  };
  for (const [index, piece] of pieces.entries()) {
    options.signal?.throwIfAborted();
    const fault = await piece.examine(options.signal);
    if (fault !== undefined) await find([fault]);
    options.onProgress?.(index + 1, pieces.length);
  }
  await find(incompleteImages(parts));
  await find(recordFaults(parts));
  await find(await findLeftovers(parts));
  return {
    blobs: blobs.length,
    layers: layers.length,
    images: parts.store.images.list().length,
    bytes: pieces.reduce((total, piece) => total + piece.size, 0),
    findings,
  };
};
