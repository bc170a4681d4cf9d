import { isLadeError, toLadeError } from '#errors';
import { algorithmOf, hexOf, shortId, type Digest } from '#oci';
import { hashFile } from '#work';
import type { CheckFinding, CheckOptions, CheckReport, SystemParts } from './types.ts';

interface Piece {
  readonly kind: 'blob' | 'layer';
  readonly digest: Digest;
  readonly size: number;
  readonly path: () => string;
}

type Parts = Pick<SystemParts, 'store' | 'layers'>;

const REPAIR = 'remove the images that have it, and pull or build them again';

const piecesOf = ({ store, layers }: Parts): readonly Piece[] => [
  ...store.blobs.list().map(({ digest, size }): Piece => {
    return { kind: 'blob', digest, size, path: () => store.blobs.path(digest) };
  }),
  ...layers.list().map(({ diffId, size }): Piece => {
    return { kind: 'layer', digest: diffId, size, path: () => layers.tarPath(diffId) };
  }),
];

const finding = (piece: Piece, state: CheckFinding['state'], what: string): CheckFinding => ({
  kind: piece.kind,
  digest: piece.digest,
  state,
  message: `${piece.kind} ${piece.digest} ${what}: ${REPAIR}`,
});

/** What is wrong with one file; content that was deleted meanwhile is no fault. */
const examine = async (
  piece: Piece,
  stillThere: () => boolean,
  signal: AbortSignal | undefined,
): Promise<CheckFinding | undefined> => {
  try {
    const hex = await hashFile(piece.path(), { algorithm: algorithmOf(piece.digest), signal });
    return hex === hexOf(piece.digest) || !stillThere()
      ? undefined
      : finding(piece, 'damaged', 'was changed on disk');
  } catch (error) {
    if (!isLadeError(toLadeError(error), 'not-found')) throw error;
    return stillThere() ? finding(piece, 'missing', 'is recorded but its file is gone') : undefined;
  }
};

/** Images that lack something they cannot run without. */
const incompleteImages = ({ store, layers }: Parts): readonly CheckFinding[] =>
  store.images.list().flatMap((record): readonly CheckFinding[] => {
    const layer = record.diffIds.find((diffId) => layers.info(diffId) === undefined);
    const missing = store.blobs.stat(record.id) === undefined ? 'configuration' : layer && `layer ${layer}`;
    if (missing === undefined) return [];
    const message = `image ${shortId(record.id)} lacks its ${missing}: remove it, and pull or build it again`;
    return [{ kind: 'image', digest: record.id, state: 'missing', message }];
  });

/** Reads all blobs and layers, in worker threads, one after another, and compares them with their digests. */
export const checkContent = async (parts: Parts, options: CheckOptions = {}): Promise<CheckReport> => {
  const pieces = piecesOf(parts);
  const findings: CheckFinding[] = [];
  for (const [index, piece] of pieces.entries()) {
    options.signal?.throwIfAborted();
    const stillThere = (): boolean => piecesOf(parts).some((other) => other.digest === piece.digest);
    const found = await examine(piece, stillThere, options.signal);
    if (found !== undefined) findings.push(found);
    options.onProgress?.(index + 1, pieces.length);
  }
  return {
    blobs: pieces.filter((piece) => piece.kind === 'blob').length,
    layers: pieces.filter((piece) => piece.kind === 'layer').length,
    images: parts.store.images.list().length,
    bytes: pieces.reduce((total, piece) => total + piece.size, 0),
    findings: [...findings, ...incompleteImages(parts)],
  };
};
